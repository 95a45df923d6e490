import type { Json } from '../canonicalJson.ts'
import { KmsError } from '../errors.ts'
import type { Logger } from '../ports.ts'

const levels = { info: 0, warn: 1, error: 2, silent: 3 } as const
export type LogLevel = keyof typeof levels

/** One JSON object a line. Callers give names and counts, never a body, a plaintext or a wrapped key. */
export function jsonLogger(
  write: (line: string) => void,
  level: LogLevel,
  about: Readonly<Record<string, Json>> = {},
): Logger {
  const log = (at: Exclude<LogLevel, 'silent'>, message: string, details: object = {}) => {
    if (levels[at] < levels[level]) return
    write(JSON.stringify({ level: at, time: new Date().toISOString(), message, ...about, ...details }))
  }
  return {
    info: (message, details) => {
      log('info', message, details)
    },
    warn: (message, details) => {
      log('warn', message, details)
    },
    error: (message, cause, details) => {
      log('error', message, { ...details, cause: describe(cause) })
    },
  }
}

function describe(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  // The code of a refusal is what alarms search for.
  const code = cause instanceof KmsError ? `${cause.code}: ` : ''
  const inner = cause.cause === undefined ? '' : ` (caused by ${describe(cause.cause)})`
  return `${code}${cause.stack ?? cause.message}${inner}`
}
