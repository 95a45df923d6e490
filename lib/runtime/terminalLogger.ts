import type { Logger } from '../ports.ts'
import { escapeControls } from './escapeControls.ts'
import { leveledLogger, type LineDetails, type LineLevel, type LogLevel } from './jsonLogger.ts'

/** Lines for a person; `now` in milliseconds since 1970. */
export function terminalLogger(write: (line: string) => void, level: LogLevel, now: () => number): Logger {
  return leveledLogger(level, (at, message, details) => {
    const time = new Date(now()).toISOString().slice(11, 23)
    const { cause, ...others } = details
    const text = 'requestId' in others && 'status' in others ? requestText(others) : otherText(at, message, others)
    write(`${time} ${escapeControls(text)}`)
    if (typeof cause !== 'string') return
    for (const line of cause.split('\n')) write(`             ${escapeControls(line)}`)
  })
}

/** `us-ashburn-1  404 Decrypt  0.8 ms  no statement grants …  (user, opc-request-id)` */
function requestText({ region, status, operation, ms, why, caller, requestId }: LineDetails): string {
  const what = `${textOf(region)}  ${textOf(status)} ${textOf(operation ?? 'no operation')}  ${textOf(ms)} ms`
  const reason = why === undefined ? '' : `  ${textOf(why)}`
  return `${what}${reason}  (${textOf(caller ?? 'nobody')}, ${textOf(requestId)})`
}

function otherText(at: LineLevel, message: string, details: LineDetails): string {
  const rest = Object.entries(details).map(([name, value]) => `  ${name}=${textOf(value)}`)
  return `${at === 'info' ? '' : `${at.toUpperCase()} `}${message}${rest.join('')}`
}

function textOf(value: LineDetails[string]): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? null)
}
