import { KeptCounts } from '../../../local/metrics/keptCounts.ts'
import { RequestMetrics } from '../../../local/metrics/requestMetrics.ts'
import { BeatWatch } from '../../../local/workers/beatWatch.ts'

const patience = { looks: 3, firstLooks: 5 } as const

test('a thread hangs that has not gone on for so many looks in a row', () => {
  const beats = new Int32Array(1)
  const watch = new BeatWatch(beats, patience)
  const looks = (count: number) => Array.from({ length: count }, () => watch.hangs())
  beats[0] = 1
  expect(looks(3)).toEqual([false, false, false])
  beats[0] = 2
  expect(looks(4)).toEqual([false, false, false, true])
})

test('one that is being started has more time', () => {
  const watch = new BeatWatch(new Int32Array(1), patience)
  expect(Array.from({ length: 5 }, () => watch.hangs())).toEqual([false, false, false, false, true])
})

test('what threads have counted that are gone is added up once, and no count falls', async () => {
  const kept = new KeptCounts<string>()
  const total = () =>
    kept
      .all()
      .flat()
      .flatMap((each) =>
        (each as { name: string; values: { value: number }[] }).name === 'vaultspan_requests'
          ? [each as { values: { value: number }[] }]
          : [],
      )
      .flatMap(({ values }) => values.map(({ value }) => value))
      .reduce((sum, each) => sum + each, 0)
  for (const [index, name] of ['a', 'b', 'c', 'd'].entries()) {
    const metrics = new RequestMetrics()
    for (let count = 0; count <= index; count += 1)
      metrics.answered({ operation: 'Encrypt', status: 200, ms: 1 } as never)
    kept.told(name, metrics.counted())
  }
  expect(total()).toBe(10)
  // Two at once.
  const ended = [kept.ended('a'), kept.ended('b')]
  expect(total()).toBe(10)
  await Promise.all(ended)
  await kept.ended('c')
  await kept.ended('unknown')
  expect(total()).toBe(10)
  expect(kept.all()).toHaveLength(2)
})
