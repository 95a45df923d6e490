import { HandleCache } from '../../lib/hsm/software/handleCache.ts'

function aCache(capacity: number) {
  const destroyed: string[] = []
  const opened: string[] = []
  const cache = new HandleCache<string>(capacity, (handle) => destroyed.push(handle))
  const use = <R>(id: string, work: (handle: string) => Promise<R> | R) =>
    cache.use(id, () => (opened.push(id), `handle ${id}`), work)
  return {
    use,
    destroyed,
    opened,
    drop: (idStart: string) => {
      cache.drop(idStart)
    },
  }
}

test('a handle is opened once while it stays in the cache', async () => {
  const { use, opened, destroyed } = aCache(2)
  expect(await use('a', (handle) => handle)).toBe('handle a')
  await use('a', () => undefined)
  expect(opened).toEqual(['a'])
  expect(destroyed).toEqual([])
})

test('the handle that was used longest ago is destroyed', async () => {
  const { use, destroyed } = aCache(2)
  for (const id of ['a', 'b', 'a', 'c']) await use(id, () => undefined)
  expect(destroyed).toEqual(['handle b'])
})

test('a handle in use is destroyed only after its last user', async () => {
  const { use, destroyed, opened } = aCache(1)
  const first = Promise.withResolvers<undefined>()
  const second = Promise.withResolvers<undefined>()
  const users = [use('a', () => first.promise), use('a', () => second.promise)]
  await use('b', () => undefined)
  first.resolve(undefined)
  await users[0]
  expect(destroyed).toEqual([])
  second.resolve(undefined)
  await users[1]
  expect(destroyed).toEqual(['handle a'])
  expect(opened).toEqual(['a', 'b'])
})

test('a cache that keeps nothing destroys each handle after its use, not before', async () => {
  const { use, destroyed } = aCache(0)
  expect(await use('a', () => destroyed.length)).toBe(0)
  expect(destroyed).toEqual(['handle a'])
})

test('a handle is destroyed once, and after a failing work too', async () => {
  const { use, destroyed } = aCache(1)
  await expect(use('a', () => Promise.reject(new Error('of the work')))).rejects.toThrow('of the work')
  await use('b', () => undefined)
  await use('c', () => undefined)
  expect(destroyed).toEqual(['handle a', 'handle b'])
})

test('what cannot be opened is not kept', async () => {
  const cache = new HandleCache<string>(2, () => undefined)
  const failing = cache.use(
    'a',
    () => {
      throw new Error('no such key')
    },
    () => undefined,
  )
  await expect(failing).rejects.toThrow('no such key')
  expect(
    await cache.use(
      'a',
      () => 'opened',
      (handle) => handle,
    ),
  ).toBe('opened')
})

test('a handle that is forgotten is destroyed at once, or after its last user, and is opened anew', async () => {
  const { use, destroyed, opened, drop } = aCache(9)
  for (const id of ['a1', 'a2', 'b1']) await use(id, () => undefined)
  await use('a2', async () => {
    drop('a')
    expect(destroyed).toEqual(['handle a1'])
    await use('a2', () => undefined)
  })
  expect(destroyed).toEqual(['handle a1', 'handle a2'])
  expect(opened).toEqual(['a1', 'a2', 'b1', 'a2'])
})
