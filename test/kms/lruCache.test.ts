import { LruCache } from '../../lib/lruCache.ts'

function aCache(capacity: number) {
  const dropped: string[] = []
  return { cache: new LruCache<string>(capacity, (value) => dropped.push(value)), dropped }
}

test('over its capacity a cache lets go of what was used longest ago', () => {
  const { cache, dropped } = aCache(2)
  cache.set('a', 'A')
  cache.set('b', 'B')
  expect(cache.get('a')).toBe('A')
  cache.set('c', 'C')
  expect(dropped).toEqual(['B'])
  expect(['a', 'b', 'c'].map((id) => cache.get(id))).toEqual(['A', undefined, 'C'])
})

test('what is set again counts as used', () => {
  const { cache, dropped } = aCache(2)
  for (const id of ['a', 'b', 'a', 'c']) cache.set(id, id.toUpperCase())
  expect(dropped).toEqual(['B'])
})

test('what is taken or deleted is gone, and told', () => {
  const { cache, dropped } = aCache(3)
  for (const id of ['a', 'b', 'c']) cache.set(id, id.toUpperCase())
  cache.delete('b')
  cache.delete('none')
  expect(cache.takeAll()).toEqual(['a', 'c'])
  expect(cache.takeAll()).toEqual([])
  expect(dropped).toEqual(['B', 'A', 'C'])
})
