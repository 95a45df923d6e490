import { generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto'
import { concatenated, derOf } from '../../lib/kms/identity/ecdsaForms.ts'

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })

test('a signature in either form is the other, whatever its numbers begin with', () => {
  // One in 256 has a number that is shorter than 48 bytes.
  for (let round = 0; round < 600; round += 1) {
    const text = randomBytes(8)
    const der = sign('sha384', text, privateKey)
    const jose = concatenated(der)
    expect(jose).toHaveLength(96)
    expect(derOf(jose)).toEqual(der)
    expect(verify('sha384', text, { key: publicKey, dsaEncoding: 'ieee-p1363' }, jose)).toBe(true)
  }
})

test.each([0, 1, 0x7f, 0x80, 0xff])('any 96 bytes have a form (%i)', (byte) => {
  const jose = Buffer.alloc(96, byte)
  expect(concatenated(derOf(jose))).toEqual(jose)
})
