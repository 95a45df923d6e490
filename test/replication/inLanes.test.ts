import { inLanes } from '../../lib/replication/inLanes.ts'

/** Works that end when the test says so. */
function byHand() {
  const begun: string[] = []
  const ends = new Map<string, () => void>()
  const work = (item: string) => {
    begun.push(item)
    return new Promise<string>((resolve, reject) => {
      ends.set(item, () => {
        if (item.endsWith('!')) reject(new Error(item))
        else resolve(item.toUpperCase())
      })
    })
  }
  const end = async (item: string) => {
    ends.get(item)?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { begun, work, end }
}

const laneOf = (item: string) => item.slice(0, 1)

test('lanes are worked at once, each in its order, and the results are in the order of the items', async () => {
  const { begun, work, end } = byHand()
  const done = inLanes(['a1', 'b1', 'a2'], laneOf, work)
  await end('none')
  expect(begun).toEqual(['a1', 'b1'])
  await end('a1')
  expect(begun).toEqual(['a1', 'b1', 'a2'])
  await end('a2')
  await end('b1')
  expect(await done).toEqual(['A1', 'B1', 'A2'])
})

test('a failure ends its lane, and is told when all others are done', async () => {
  const { begun, work, end } = byHand()
  let told: unknown
  void inLanes(['a!', 'a2', 'b1'], laneOf, work).catch((cause: unknown) => (told = cause))
  await end('none')
  await end('a!')
  expect([begun, told]).toEqual([['a!', 'b1'], undefined])
  await end('b1')
  expect(told).toMatchObject({ message: 'a!' })
})
