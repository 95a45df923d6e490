import { ChangedMeanwhile, retryIfChanged } from '../../lib/replication/changedMeanwhile.ts'

const waits: number[] = []
const atOnce = {
  random: () => Uint8Array.of(255),
  timers: {
    sleep: async (ms: number) => {
      waits.push(ms)
    },
    after: () => () => undefined,
  },
}

function failing(times: number, cause: Error) {
  let calls = 0
  const work = async () => {
    calls += 1
    if (calls <= times) throw cause
    return calls
  }
  return { work, calls: () => calls }
}

test('a message that lost a race is judged again until it is through', async () => {
  expect(await retryIfChanged(atOnce, failing(3, new ChangedMeanwhile('v')).work)).toBe(4)
})

test('a message that loses every time is left to its queue', async () => {
  const { work, calls } = failing(99, new ChangedMeanwhile('v'))
  await expect(retryIfChanged(atOnce, work)).rejects.toThrow('The vault v changed meanwhile.')
  expect(calls()).toBe(5)
})

test('any other failure is not repeated here', async () => {
  const { work, calls } = failing(1, new Error('out of reach'))
  await expect(retryIfChanged(atOnce, work)).rejects.toThrow('out of reach')
  expect(calls()).toBe(1)
})

test('each pause between two rounds may be twice as long as the one before', async () => {
  waits.length = 0
  await retryIfChanged(atOnce, failing(4, new ChangedMeanwhile('v')).work)
  expect(waits).toEqual([4, 8, 16, 32])
})
