import fc from 'fast-check'
import { readSignature } from '../../lib/iam/signature/requestSignature.ts'
import { aSignedRequest, isAccepted, keyId, now, refused, withAuthorization, withHeader } from './signer.ts'

const requests = { GET: aSignedRequest({ method: 'GET' }), POST: aSignedRequest() }

describe('the Authorization header', () => {
  const request = aSignedRequest()

  test.each<[string, (value: string) => string]>([
    ['scheme in other letters', (value) => value.replace('Signature', 'sIGNATURE')],
    ['blanks around commas', (value) => value.replaceAll('",', '" , \t')],
    ['parameter names in other letters', (value) => value.replace('keyId=', 'KEYID=').replace('headers=', 'Headers=')],
    ['unknown parameters', (value) => `${value},created="1",x-y_z=""`],
    ['no version', (value) => value.replace('version="1",', '')],
    ['header names in other letters', (value) => value.replace('x-date', 'X-DATE').replace(' host', ' HOST')],
  ])('is accepted with %s', (_variation, change) => {
    expect(isAccepted(withAuthorization(request, change))).toBe(true)
  })

  test.each<[string, (value: string) => string]>([
    ['another scheme', (value) => value.replace('Signature', 'Bearer')],
    ['no parameters', () => 'Signature '],
    ['nothing', () => ''],
    ['another algorithm', (value) => value.replace('rsa-sha256', 'rsa-sha512')],
    ['algorithm none', (value) => value.replace('rsa-sha256', 'none')],
    ['no algorithm', (value) => value.replace('algorithm="rsa-sha256",', '')],
    ['no keyId', (value) => value.replace(/keyId="[^"]*",/, '')],
    ['an empty keyId', (value) => value.replace(/keyId="[^"]*"/, 'keyId=""')],
    ['no headers', (value) => value.replace(/headers="[^"]*",/, '')],
    ['no signature', (value) => value.replace(/,signature="[^"]*"/, '')],
    ['another version', (value) => value.replace('version="1"', 'version="2"')],
    ['keyId twice', (value) => `${value},keyId="${keyId}"`],
    ['keyId twice in other letters', (value) => `${value},KEYID="${keyId}"`],
    ['an unknown parameter twice', (value) => `${value},a="1",a="1"`],
    ['a header named twice', (value) => value.replace('x-date ', 'x-date x-date ')],
    ['two blanks between header names', (value) => value.replace('x-date ', 'x-date  ')],
    ['a comma at the end', (value) => `${value},`],
    ['something after the end', (value) => `${value} x`],
    ['an unquoted value', (value) => value.replace('version="1"', 'version=1')],
    ['an open quote', (value) => value.slice(0, -1)],
    ['another signature', (value) => value.replace(/signature="./, 'signature="~')],
    ['a signature without padding', (value) => value.replace('=="', '"')],
    ['a signature in the URL alphabet', (value) => value.replace(/signature="[^"]*"/, 'signature="-_-_"')],
    ['a signature with a line break', (value) => value.replace(/signature="(.)/, 'signature="$1\n')],
    ['more than 8 KiB', (value) => `${value},a="${'x'.repeat(8192)}"`],
    ['17 parameters', (value) => value + Array.from({ length: 12 }, (_, index) => `,p${index}="1"`).join('')],
    [
      '33 header names',
      (value) => value.replace('x-date ', `x-date ${Array.from({ length: 27 }, (_, index) => `h${index}`).join(' ')} `),
    ],
    ['a header that every object has', (value) => value.replace('x-date ', 'x-date constructor ')],
    ['a header that is a prototype', (value) => value.replace('x-date ', 'x-date __proto__ ')],
  ])('is refused with %s', (_variation, change) => {
    const changed = withAuthorization(request, change)
    expect(changed.headers['authorization']).not.toBe(request.headers['authorization'])
    expect(() => readSignature(changed, now)).toThrow(refused)
  })

  test('is refused when absent', () => {
    expect(() => readSignature(withHeader(request, 'authorization', undefined), now)).toThrow(refused)
  })

  test('is refused when its headers come in another order than was signed', () => {
    expect(
      isAccepted(
        withAuthorization(request, (value) => value.replace('x-date (request-target)', '(request-target) x-date')),
      ),
    ).toBe(false)
  })

  test.each(['127.0.0.1:8100\nx-date: now', '127.0.0.1:8100\r', 'ł'])('a signed value like %j is refused', (host) => {
    expect(() => readSignature(aSignedRequest({ extraHeaders: { host } }), now)).toThrow(refused)
  })

  test('whatever its bytes, reading throws nothing but notAuthenticated', () => {
    const parameter = fc.tuple(
      fc.constantFrom('keyId', 'headers', 'signature', 'algorithm', 'version', 'x', ''),
      fc.oneof(fc.string(), fc.constantFrom('rsa-sha256', '1', 'x-date (request-target) host', 'AAAA')),
    )
    const nearly = fc
      .array(parameter)
      .map((all) => `Signature ${all.map(([name, value]) => `${name}="${value}"`).join(',')}`)
    const bytes = fc.uint8Array({ maxLength: 400 }).map((each) => Buffer.from(each).toString('latin1'))
    fc.assert(
      fc.property(
        fc.oneof(nearly, bytes, fc.string({ unit: 'binary' })),
        fc.constantFrom('GET' as const, 'POST' as const),
        (value, method) => {
          const changed = withHeader(requests[method], 'authorization', value)
          expect(isAccepted(changed)).toBe(false)
        },
      ),
      { numRuns: 2000 },
    )
  })
})

test('any single character of a signed header list, key id or signature that changes is refused or changes what is claimed', () => {
  const request = aSignedRequest()
  const text = request.headers['authorization'] ?? ''
  fc.assert(
    fc.property(fc.integer({ min: 0, max: text.length - 1 }), fc.integer({ min: 33, max: 126 }), (index, code) => {
      const changed = text.slice(0, index) + String.fromCharCode(code) + text.slice(index + 1)
      const mutated = withHeader(request, 'authorization', changed)
      if (isAccepted(mutated)) {
        const same = readSignature(request, now)
        const read = readSignature(mutated, now)
        expect([read.signingString, read.signature]).toEqual([same.signingString, same.signature])
      }
    }),
    { numRuns: 1000 },
  )
})
