import type { ObjectRoot } from '../../lib/store/backups/backupStore.ts'

/** An empty root, or one with a place of its own in what is shared. */
export type OpenRoot = () => Promise<ObjectRoot>

const path = 'ocid1.tenancy.oc1..a/ns/bucket/vault.json'

/** Every clause of ObjectRoot (lib/store/backups/backupStore.ts), for any place. */
export function rootContract(name: string, open: OpenRoot): void {
  describe(`the root of backups in ${name}`, () => {
    test('gives back what was put, byte for byte', async () => {
      const root = await open()
      const text = JSON.stringify({ text: 'Schlüssel \u{1f511}\n', more: 'x'.repeat(100_000) })
      await root.put(path, text)
      expect(await root.get(path, 1_000_000)).toBe(text)
    })

    test('what is put later takes the place of what was there, be it shorter or longer', async () => {
      const root = await open()
      for (const text of ['first', 'the second, which is longer', '3']) {
        await root.put(path, text)
        expect(await root.get(path, 100)).toBe(text)
      }
    })

    test('has nothing where nothing was put: beside, above or below an object', async () => {
      const root = await open()
      expect(await root.get(path, 100)).toBeUndefined()
      await root.put(path, 'here')
      const others = ['vault', 'vault.json/x', 'vault.jso']
      const beside = others.map((other) => path.replace('vault.json', other))
      for (const absent of [...beside, 'ocid1.tenancy.oc1..a/ns/bucket', 'ocid1.tenancy.oc1..b/ns/bucket/vault.json']) {
        expect([absent, await root.get(absent, 100)]).toEqual([absent, undefined])
      }
      expect(await root.get(path, 100)).toBe('here')
    })

    test('keeps the objects of tenancies and buckets apart', async () => {
      const root = await open()
      const paths = ['a/ns/b/o', 'b/ns/b/o', 'a/other/b/o', 'a/ns/c/o', 'a/ns/b/p', 'a/ns/b/q/o']
      for (const each of paths) await root.put(each, each)
      for (const each of paths) expect(await root.get(each, 100)).toBe(each)
    })

    test('takes every name that a caller may give', async () => {
      const root = await open()
      const names = ['.hidden', 'a=b+c,d@e', '...', 'x'.repeat(120), 'with.many.dots', '-']
      for (const each of names) await root.put(`t/ns/b/${each}/${each}`, each)
      for (const each of names) expect(await root.get(`t/ns/b/${each}/${each}`, 200)).toBe(each)
    })

    test('refuses to read more than it is told to, and reads exactly that', async () => {
      const root = await open()
      await root.put(path, 'é'.repeat(50))
      expect(await root.get(path, 100)).toBe('é'.repeat(50))
      await expect(root.get(path, 99)).rejects.toMatchObject({ name: 'KmsError', code: 'payloadTooLarge' })
      await root.put(path, 'x'.repeat(2_000_000))
      await expect(root.get(path, 1_000_000)).rejects.toMatchObject({ name: 'KmsError', code: 'payloadTooLarge' })
    })

    test('an empty object is an object', async () => {
      const root = await open()
      await root.put(path, '')
      expect(await root.get(path, 0)).toBe('')
    })

    test('of two that are put at once one is there, whole', async () => {
      const root = await open()
      const texts = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(50_000))
      await Promise.all(texts.map((text) => root.put(path, text)))
      expect(texts).toContain(await root.get(path, 50_000))
    })

    describe('asked to spare what is there', () => {
      const sparing = (mayReplace: (found: string) => boolean) => ({ mayReplace, maxBytes: 100 })
      const never = sparing(() => false)

      test('puts where nothing is, and leaves what may not go as it is', async () => {
        const root = await open()
        expect(await root.put(path, 'first', never)).toBe(true)
        expect(await root.put(path, 'second', never)).toBe(false)
        expect(await root.get(path, 100)).toBe('first')
      })

      test('replaces what may go, and shows it whole to whoever judges', async () => {
        const root = await open()
        await root.put(path, 'first')
        const seen: string[] = []
        const judge = sparing((found) => seen.push(found) > 0)
        expect(await root.put(path, 'second', judge)).toBe(true)
        expect([seen, await root.get(path, 100)]).toEqual([['first'], 'second'])
      })

      test('leaves what is larger than it reads', async () => {
        const root = await open()
        await root.put(path, 'x'.repeat(101))
        const always = sparing(() => true)
        expect(await root.put(path, 'small', always)).toBe(false)
        expect(await root.get(path, 200)).toBe('x'.repeat(101))
      })

      test('lets one of several that come at once be the first', async () => {
        const root = await open()
        const outcomes = await Promise.all(['a', 'b', 'c', 'd'].map((text) => root.put(path, text, never)))
        const first = outcomes.indexOf(true)
        expect(outcomes.filter(Boolean)).toHaveLength(1)
        expect(await root.get(path, 100)).toBe(['a', 'b', 'c', 'd'][first])
      })
    })
  })
}
