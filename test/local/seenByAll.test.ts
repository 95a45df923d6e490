import { seenByAll } from '../../local/region/seenByAll.ts'

const label = 'vaultspan eu-test-1'

function seen({
  own = [],
  workers = [],
  isAnswering = true,
}: Partial<Record<'own' | 'workers', readonly string[]>> & { isAnswering?: boolean }) {
  const none = { free: 0, taken: 0, spent: 0 }
  const hsm = {
    name: 'a token',
    label,
    isAnswering: () => isAnswering,
    awayPartitions: () => own,
    partitionCounts: () => none,
  }
  const all = seenByAll(hsm, () => workers)
  return { isAnswering: all.isAnswering(), away: all.awayPartitions() }
}

test('a region’s HSM answers where it does for the region and for each of its workers', () => {
  expect(seen({})).toEqual({ isAnswering: true, away: [] })
  expect(seen({ isAnswering: false })).toMatchObject({ isAnswering: false })
  expect(seen({ workers: [label] })).toEqual({ isAnswering: false, away: [] })
})

test('a private vault’s token is away where it is for the region or for one of its workers, and is named once', () => {
  const [one, two] = [`${label} #1`, `${label} #2`]
  expect(seen({ own: [one], workers: [two, label, one] })).toEqual({ isAnswering: false, away: [one, two] })
  expect(seen({ workers: [two] })).toEqual({ isAnswering: true, away: [two] })
})
