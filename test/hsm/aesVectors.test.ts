import { createCipheriv, createSecretKey, hash, type KeyObject } from 'node:crypto'
import { Cmac } from '../../lib/hsm/primitives/cmac.ts'
import { unwrapKey, wrapKey } from '../../lib/hsm/primitives/keyWrap.ts'
import {
  deriveMessageKey,
  deriveWith,
  decryptMessage,
  encryptMessage,
  type MessageKey,
} from '../../lib/hsm/primitives/xaes.ts'
import { wrongAnswers, wycheproof } from './contract/wycheproof.ts'

const aesLengths: readonly number[] = [16, 24, 32]
const gcmCiphers: Readonly<Record<number, MessageKey['cipher']>> = {
  16: 'aes-128-gcm',
  24: 'aes-192-gcm',
  32: 'aes-256-gcm',
}

test('CMAC answers every Wycheproof vector whose key is an AES key', async () => {
  const wrong = await wrongAnswers(
    'aes_cmac',
    (vector) => new Cmac(createSecretKey(vector.bytes('key'))).tag(vector.bytes('msg')).equals(vector.bytes('tag')),
    (vector) => aesLengths.includes(vector.bytes('key').length),
  )
  expect(wrong).toEqual([])
})

test('CMAC refuses the Wycheproof keys that are no AES keys', () => {
  const keys = wycheproof('aes_cmac')
    .flatMap(({ vectors }) => vectors.map((vector) => vector.bytes('key')))
    .filter(({ length }) => length > 0 && !aesLengths.includes(length))
  expect(keys.length).toBeGreaterThan(0)
  for (const key of keys) expect(() => new Cmac(createSecretKey(key))).toThrow()
})

test('CMAC of a message is the same whatever the key was used for before', () => {
  const key = createSecretKey(Buffer.alloc(32, 9))
  const cmac = new Cmac(key)
  for (const length of [17, 16, 0, 640, 33, 32, 1, 48, 640]) {
    const message = Buffer.alloc(length, length)
    expect(cmac.tag(message)).toEqual(new Cmac(key).tag(message))
    cmac.tagsOfBlocks(Buffer.alloc(64, length))
  }
})

test('CMAC leaves nothing of what it was of in memory that others are given next', () => {
  const message = Buffer.alloc(40, 'what it is of')
  const tag = new Cmac(createSecretKey(Buffer.alloc(32, 9))).tag(message)
  // Small buffers of Node share one block of memory.
  expect(Buffer.from(tag.buffer).includes(message.subarray(0, 16))).toBe(false)
})

test('CMAC of a key that was let go of has its subkeys no more', () => {
  const key = createSecretKey(Buffer.alloc(16, 9))
  const bare = createCipheriv('aes-128-ecb', key, null).setAutoPadding(false)
  const cmac = new Cmac(key)
  cmac.destroy()
  const [whole, padded] = [Buffer.alloc(16, 1), Buffer.from([1, 2, 0x80, ...Buffer.alloc(13)])]
  expect([cmac.tag(whole), cmac.tag(padded.subarray(0, 2))]).toEqual([bare.update(whole), bare.update(padded)])
})

test('CMAC of several blocks in one AES call equals CMAC of each', () => {
  const cmac = new Cmac(createSecretKey(Buffer.alloc(32, 9)))
  const messages = hash('sha512', 'four blocks', 'buffer')
  const one = [0, 16, 32, 48].map((start) => cmac.tag(messages.subarray(start, start + 16)))
  expect(cmac.tagsOfBlocks(messages)).toEqual(Buffer.concat(one))
})

test('KWP unwraps exactly the Wycheproof vectors that are valid', async () => {
  const wrong = await wrongAnswers('aes_kwp', (vector) => {
    const unwrapped = unwrapKey(createSecretKey(vector.bytes('key')), vector.bytes('ct'))
    return unwrapped?.equals(vector.bytes('msg')) === true
  })
  expect(wrong).toEqual([])
})

test('KWP unwraps nothing at all from an invalid Wycheproof vector', () => {
  const invalid = wycheproof('aes_kwp').flatMap(({ vectors }) => vectors.filter(({ result }) => result === 'invalid'))
  const unwrapped = invalid.filter(
    (vector) => unwrapKey(createSecretKey(vector.bytes('key')), vector.bytes('ct')) !== undefined,
  )
  expect(invalid.length).toBeGreaterThan(100)
  expect(unwrapped.map(({ tcId }) => tcId)).toEqual([])
})

test('KWP wraps the valid Wycheproof vectors to the same bytes', async () => {
  const wrong = await wrongAnswers(
    'aes_kwp',
    (vector) => wrapKey(createSecretKey(vector.bytes('key')), vector.bytes('msg')).equals(vector.bytes('ct')),
    ({ result }) => result === 'valid',
  )
  expect(wrong).toEqual([])
})

test.each([0, 8, 15, 17])('KWP unwraps nothing from %i bytes, a length that it never makes', (length) => {
  expect(unwrapKey(createSecretKey(Buffer.alloc(32, 1)), Buffer.alloc(length, 3))).toBeUndefined()
})

test('KWP does not wrap nothing', () => {
  expect(() => wrapKey(createSecretKey(Buffer.alloc(32, 1)), Buffer.alloc(0))).toThrow(RangeError)
})

test('GCM encrypts and decrypts the Wycheproof vectors with a 12-byte IV and a 16-byte tag', async () => {
  let count = 0
  const wrong = await wrongAnswers(
    'aes_gcm',
    (vector) => {
      count++
      const key = gcmKey(vector.bytes('key'), vector.bytes('iv'))
      const ciphertext = Buffer.concat([vector.bytes('ct'), vector.bytes('tag')])
      const opened = decryptMessage(key, vector.bytes('aad'), ciphertext)
      const made = encryptMessage(key, vector.bytes('aad'), vector.bytes('msg'))
      return opened?.equals(vector.bytes('msg')) === true && Buffer.concat([made.body, made.tag]).equals(ciphertext)
    },
    (vector) => vector.bytes('iv').length === 12 && vector.bytes('tag').length === 16,
  )
  expect(wrong).toEqual([])
  expect(count).toBeGreaterThan(100)
})

test.each([
  [1, '', 'ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271'],
  [3, 'c2sp.org/XAES-256-GCM', '986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d'],
])('XAES-256-GCM gives the published ciphertext under a key of bytes %i', (byte, aad, expected) => {
  const nonce = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWX')
  const ciphertext = xaesEncrypt(Buffer.alloc(32, byte), nonce, Buffer.from(aad), Buffer.from('XAES-256-GCM'))
  expect(ciphertext.toString('hex')).toBe(expected)
})

test('XAES-256-GCM gives the published digest over 10,000 accumulated rounds', () => {
  const stream = hash('shake128', '', { outputEncoding: 'buffer', outputLength: 6_000_000 })
  let position = 0
  const take = (length: number) => stream.subarray(position, (position += length))
  const takeText = () => take(take(1)[0] ?? 0)
  const ciphertexts: Buffer[] = []
  for (let round = 0; round < 10_000; round++) {
    const [key, nonce, plaintext, aad] = [take(32), take(24), takeText(), takeText()]
    ciphertexts.push(xaesEncrypt(key, nonce, aad, plaintext))
  }
  const digest = hash('shake128', Buffer.concat(ciphertexts), { outputEncoding: 'hex', outputLength: 32 })
  expect(digest).toBe('e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939')
})

function xaesEncrypt(masterKey: Buffer, nonce: Buffer, aad: Buffer, plaintext: Buffer): Buffer {
  const key = deriveMessageKey(deriveWith(new Cmac(createSecretKey(masterKey))), 32, nonce)
  const { body, tag } = encryptMessage(key, aad, plaintext)
  return Buffer.concat([body, tag])
}

function gcmKey(bytes: Buffer, iv: Buffer): MessageKey {
  const key: KeyObject = createSecretKey(bytes)
  return { key, cipher: gcmCiphers[bytes.length] ?? 'aes-256-gcm', iv, commitmentKey: Buffer.alloc(32) }
}
