import { pumpErrors } from '../../local/pumps/pumpErrors.ts'

test('a cause that stops the pumps is logged at once, and then once a minute', () => {
  const told: [string, unknown][] = []
  let now = 1_000_000
  const onError = pumpErrors({ log: { error: (message, cause) => told.push([message, cause]) }, clock: () => now })
  const away = () => {
    onError(new Error('The token is away.'))
  }
  for (let second = 0; second < 60; second += 1) {
    away()
    away()
    now += 1_000
  }
  onError(new Error('The disk is full.'))
  expect(told.map(([, cause]) => String(cause))).toEqual(['Error: The token is away.', 'Error: The disk is full.'])
  away()
  away()
  expect(told).toHaveLength(3)
})
