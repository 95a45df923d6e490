import type { Json } from '../canonicalJson.ts'
import { KmsError } from '../errors.ts'
import type { Logger } from '../ports.ts'
import { escapeControls } from './escapeControls.ts'

const levels = { info: 0, warn: 1, error: 2, silent: 3 } as const
export type LogLevel = keyof typeof levels
export type LineLevel = Exclude<LogLevel, 'silent'>
export type LineDetails = Readonly<Record<string, Json | undefined>>

/** One JSON object a line. Callers give names and counts, never a body, a plaintext or a wrapped key. */
export function jsonLogger(write: (line: string) => void, level: LogLevel, about: LineDetails = {}): Logger {
  return leveledLogger(level, (at, message, details) => {
    write(escapeControls(JSON.stringify({ level: at, time: new Date().toISOString(), message, ...about, ...details })))
  })
}

/** What is not below the level, an error with its cause as text. */
export function leveledLogger(
  level: LogLevel,
  write: (at: LineLevel, message: string, details: LineDetails) => void,
): Logger {
  const log = (at: LineLevel, message: string, details: () => LineDetails) => {
    if (levels[at] >= levels[level]) write(at, message, details())
  }
  return {
    info: (message, details = {}) => {
      log('info', message, () => details)
    },
    warn: (message, details = {}) => {
      log('warn', message, () => details)
    },
    error: (message, cause, details) => {
      log('error', message, () => (cause === undefined ? { ...details } : { ...details, cause: describe(cause) }))
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
