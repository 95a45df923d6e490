import { notFoundOrForbidden } from '../../lib/errors.ts'
import { requestLog } from '../../lib/http/requestWatch.ts'
import type { LogLevel } from '../../lib/runtime/jsonLogger.ts'
import { terminalLogger } from '../../lib/runtime/terminalLogger.ts'

/** What a person at a terminal reads. */

const now = Date.UTC(2026, 0, 2, 3, 4, 5, 678)

function written(level: LogLevel, log: (logger: ReturnType<typeof terminalLogger>) => void): readonly string[] {
  const lines: string[] = []
  log(
    terminalLogger(
      (line) => lines.push(line),
      level,
      () => now,
    ),
  )
  return lines
}

const seen = { requestId: 'A/B', operation: 'Decrypt', status: 200, caller: 'ocid1.user.oc1..u', ms: 0.4149 } as const

test('a request is one line, a refusal’s with its reason', () => {
  const lines = written('info', (logger) => {
    const log = requestLog(logger, 'us-ashburn-1', () => 0)
    log.answered(seen)
    const reason = { name: 'noSuchKey', keyId: 'k', vaultId: 'v' } as const
    log.answered({ ...seen, status: 404, caller: undefined, refusal: notFoundOrForbidden(reason) })
  })
  expect(lines).toEqual([
    '03:04:05.678 us-ashburn-1  200 Decrypt  0.41 ms  (ocid1.user.oc1..u, A/B)',
    '03:04:05.678 us-ashburn-1  404 Decrypt  0.41 ms  vault v has no key k  (nobody, A/B)',
  ])
})

test('at the level warn a success is silent, at the level error a refusal too; a bug has its stack below', () => {
  const log = (level: LogLevel) =>
    written(level, (logger) => {
      const watch = requestLog(logger, 'r', () => 0)
      watch.answered(seen)
      watch.answered({ ...seen, status: 404, refusal: notFoundOrForbidden({ name: 'noSuchVault', vaultId: 'v' }) })
      watch.answered({ ...seen, status: 500, refusal: new Error('a bug') })
    })
  expect(log('silent')).toEqual([])
  const [failed, first] = log('error')
  expect(failed).toContain('500 Decrypt')
  expect(first).toMatch(/^ {13}Error: a bug$/)
  expect(log('warn')[0]).toContain('there is no vault v')
})

test('whatever else is logged is a line of its message and details, and nothing in it steers the terminal', () => {
  const lines = written('info', (logger) => {
    logger.warn('Something odd.', { name: 'x\n03:04:05 forged\u001b[2J\u009b\u202e', count: 2 })
    logger.info('Started.')
  })
  expect(lines).toEqual([
    '03:04:05.678 WARN Something odd.  name=x\\u000a03:04:05 forged\\u001b[2J\\u009b\\u202e  count=2',
    '03:04:05.678 Started.',
  ])
})
