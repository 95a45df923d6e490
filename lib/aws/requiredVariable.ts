import { UserError } from '../userError.ts'

/** @throws UserError naming the variable where it is missing or empty. */
export function requiredVariable(environment: NodeJS.ProcessEnv, name: string): string {
  const value = environment[name]
  if (value === undefined || value === '') throw new UserError(`The environment variable ${name} is missing.`)
  return value
}
