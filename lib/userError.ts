/** What a person can put right, in one line for whoever typed the command or set the variable: no stack is shown. */
export class UserError extends Error {}

/** One line about whatever was thrown. */
export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
