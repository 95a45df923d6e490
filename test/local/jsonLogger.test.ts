import { jsonLogger } from '../../lib/runtime/jsonLogger.ts'

test('an error line has a cause only where there is one', () => {
  const lines: string[] = []
  const log = jsonLogger((line) => lines.push(line), 'info')
  log.error('Put back.', undefined, { missingChanges: 3 })
  log.error('Failed.', new Error('why'))
  const [without, withOne] = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  expect(without).toMatchObject({ message: 'Put back.', missingChanges: 3 })
  expect(without).not.toHaveProperty('cause')
  expect(withOne?.['cause']).toContain('why')
})
