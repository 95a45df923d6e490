import { createSecretKey } from 'node:crypto'
import fc from 'fast-check'
import { encodeAssociatedData } from '../../lib/hsm/formats/associatedData.ts'
import { Cmac } from '../../lib/hsm/primitives/cmac.ts'
import { ciphertextMaterialId, decryptWith, encryptWith, type MasterKey } from '../../lib/hsm/formats/ciphertext.ts'
import { deriveWith } from '../../lib/hsm/primitives/xaes.ts'
import { coded } from './contract/fixtures.ts'

const materialId = '00112233445566778899aabbccddeeff'
const lengths = [16, 24, 32] as const
const aKey = fc.record({ length: fc.constantFrom(...lengths), fill: fc.integer({ min: 0, max: 255 }) })
const text = fc.string({ unit: 'grapheme', maxLength: 20 })
const pairs = fc.dictionary(text, text, { maxKeys: 4 })
const bytes = fc.uint8Array({ maxLength: 200 })

function master(length: 16 | 24 | 32, fill: number, id = materialId): MasterKey {
  return { length, materialId: id, derive: deriveWith(new Cmac(createSecretKey(Buffer.alloc(length, fill)))) }
}

test('what was encrypted opens with the same key and associatedData, 90 bytes longer', () => {
  fc.assert(
    fc.property(aKey, bytes, pairs, ({ length, fill }, plaintext, associatedData) => {
      const key = master(length, fill)
      const ciphertext = encryptWith(key, plaintext, associatedData)
      expect(ciphertext).toHaveLength(plaintext.length + 90)
      expect(decryptWith(key, ciphertext, associatedData)).toEqual(Buffer.from(plaintext))
    }),
  )
})

test('a ciphertext with any one bit flipped does not open', () => {
  const key = master(32, 1)
  const ciphertext = encryptWith(key, Buffer.from('eleven byte'), { a: 'b' })
  for (let bit = 0; bit < ciphertext.length * 8; bit++) {
    const damaged = Buffer.from(ciphertext)
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    expect(() => decryptWith(key, damaged, { a: 'b' })).toThrow(coded('invalidParameter'))
  }
})

test('what a message’s key was derived as is cleared, also where nothing opens', () => {
  const derived: Buffer[] = []
  const key = master(32, 1)
  const watched: MasterKey = {
    ...key,
    derive: (messages) => {
      const blocks = key.derive(messages)
      derived.push(blocks)
      return blocks
    },
  }
  const ciphertext = encryptWith(watched, Buffer.from('eleven byte'), {})
  decryptWith(watched, ciphertext, {})
  expect(() => decryptWith(watched, ciphertext, { another: 'context' })).toThrow(coded('invalidParameter'))
  expect(derived).toEqual(Array(3).fill(Buffer.alloc(64)))
})

test('a ciphertext cut or extended anywhere does not open', () => {
  const key = master(32, 1)
  const ciphertext = encryptWith(key, Buffer.from('eleven byte'), {})
  for (let length = 0; length < ciphertext.length; length++) {
    expect(() => decryptWith(key, ciphertext.subarray(0, length), {})).toThrow(coded('invalidParameter'))
  }
  expect(() => decryptWith(key, Buffer.concat([ciphertext, Buffer.alloc(1)]), {})).toThrow(coded('invalidParameter'))
})

test('a ciphertext does not open with other associatedData', () => {
  fc.assert(
    fc.property(pairs, pairs, (encryptedWith, openedWith) => {
      fc.pre(!encodeAssociatedData(encryptedWith).equals(encodeAssociatedData(openedWith)))
      const key = master(32, 1)
      const ciphertext = encryptWith(key, Buffer.from('secret'), encryptedWith)
      expect(() => decryptWith(key, ciphertext, openedWith)).toThrow(coded('invalidParameter'))
    }),
  )
})

test('every refusal has the same text', () => {
  const ciphertext = encryptWith(master(32, 1), Buffer.from('secret'), { a: 'b' })
  const damaged = Buffer.from(ciphertext)
  damaged[60] = (damaged[60] ?? 0) ^ 1
  const tagDamaged = Buffer.from(ciphertext)
  tagDamaged[ciphertext.length - 1] = (tagDamaged.at(-1) ?? 0) ^ 1
  const refusals = [
    refusal(() => decryptWith(master(32, 2), ciphertext, { a: 'b' })),
    refusal(() => decryptWith(master(32, 1, 'ff'.repeat(16)), ciphertext, { a: 'b' })),
    refusal(() => decryptWith(master(24, 1), ciphertext, { a: 'b' })),
    refusal(() => decryptWith(master(32, 1), ciphertext, { a: 'c' })),
    refusal(() => decryptWith(master(32, 1), damaged, { a: 'b' })),
    refusal(() => decryptWith(master(32, 1), tagDamaged, { a: 'b' })),
    refusal(() => decryptWith(master(32, 1), Buffer.alloc(0), {})),
  ]
  expect(new Set(refusals)).toEqual(new Set(['The ciphertext does not open with this key and associatedData.']))
})

test('no two of 5,000 ciphertexts share a nonce', () => {
  const key = master(32, 1)
  const nonces = Array.from({ length: 5_000 }, () => encryptWith(key, Buffer.alloc(1), {}).toString('hex', 18, 42))
  expect(new Set(nonces).size).toBe(5_000)
})

test('the order in which associatedData was written does not matter', () => {
  const key = master(32, 1)
  const ciphertext = encryptWith(key, Buffer.from('secret'), { b: '2', a: '1', ä: '3' })
  expect(decryptWith(key, ciphertext, { ä: '3', a: '1', b: '2' }).toString()).toBe('secret')
})

test('associatedData is sorted by UTF-8 bytes, which UTF-16 order is not', () => {
  const encoded = encodeAssociatedData({ '\u{1F600}': '', '\uFF5E': '' })
  expect(encoded.toString('hex')).toBe('00000003efbd9e00000000' + '00000004f09f988000000000')
})

test('two different maps never have the same encoding', () => {
  fc.assert(
    fc.property(pairs, pairs, (left, right) => {
      const sorted = (map: Record<string, string>) => JSON.stringify(Object.entries(map).sort())
      expect(encodeAssociatedData(left).equals(encodeAssociatedData(right))).toBe(sorted(left) === sorted(right))
    }),
  )
  expect(encodeAssociatedData({ ab: 'c' })).not.toEqual(encodeAssociatedData({ a: 'bc' }))
})

test('associatedData with a lone surrogate is refused', () => {
  expect(() => encodeAssociatedData({ '\ud800': '' })).toThrow(coded('invalidParameter'))
})

test('the material id is read from a ciphertext of each key length and from nothing else', () => {
  for (const length of lengths) {
    expect(ciphertextMaterialId(encryptWith(master(length, 1), Buffer.alloc(0), {}))).toBe(materialId)
  }
  const ciphertext = encryptWith(master(32, 1), Buffer.alloc(0), {})
  expect(ciphertextMaterialId(ciphertext.subarray(0, 89))).toBeUndefined()
  expect(ciphertextMaterialId(Buffer.concat([Buffer.from([2]), ciphertext.subarray(1)]))).toBeUndefined()
  expect(ciphertextMaterialId(Buffer.concat([Buffer.from([1, 4]), ciphertext.subarray(2)]))).toBeUndefined()
})

function refusal(open: () => Buffer): string {
  try {
    return `opened: ${open().toString('hex')}`
  } catch (error) {
    return error instanceof Error ? error.message : 'not an error'
  }
}
