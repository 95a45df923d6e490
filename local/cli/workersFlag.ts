import { availableParallelism } from 'node:os'
import { UserError } from '../../lib/userError.ts'

const maxWorkers = 256

export const workersFlag = [
  '--workers <N>',
  'threads in each region that answer requests (default WORKERS, or the number of cores); 0 or 1: none beside its own',
] as const

/** The flag, else the variable, else the cores. @throws UserError */
export function workersOf(flag: string | undefined): number {
  const [name, text] = flag === undefined ? ['WORKERS', process.env['WORKERS'] ?? ''] : ['--workers', flag]
  if (flag === undefined && text === '') return availableParallelism()
  if (/^\d{1,3}$/.test(text) && Number(text) <= maxWorkers) return Number(text)
  throw new UserError(`${name} takes a whole number from 0 to ${maxWorkers}, not "${text}".`)
}
