import { WorkUnderWay } from '../../lib/hsm/pkcs11/token/workUnderWay.ts'

test('what has been late is told of once, when the last of it is over', async () => {
  const timers: (() => void)[] = []
  let told = 0
  const later = (_ms: number, then: () => void) => {
    timers.push(then)
    return () => undefined
  }
  const underWay = new WorkUnderWay('one', () => (told += 1), later)
  const ends = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()]
  const works = ends.map(({ promise }) => underWay.bounded((timed) => timed(() => promise)))
  const refused = Promise.allSettled(works)
  for (const then of timers) then()
  await refused
  ends[0]?.resolve(undefined)
  await new Promise((resolve) => setImmediate(resolve))
  expect([told, underWay.count, underWay.isLate]).toEqual([0, 1, true])
  ends[1]?.resolve(undefined)
  await new Promise((resolve) => setImmediate(resolve))
  expect([told, underWay.count, underWay.isLate]).toEqual([1, 0, false])
})
