import { isatty } from 'node:tty'
import type { Logger } from '../lib/ports.ts'
import { jsonLogger, type LogLevel } from '../lib/runtime/jsonLogger.ts'
import { terminalLogger } from '../lib/runtime/terminalLogger.ts'

/** Of this process, to its standard error: lines for a person where that is a terminal, JSON elsewhere. */
export function processLogger(level: LogLevel): Logger {
  const write = (line: string) => {
    process.stderr.write(`${line}\n`)
  }
  // In a worker thread the stream itself is none.
  return isatty(2) ? terminalLogger(write, level, Date.now) : jsonLogger(write, level)
}
