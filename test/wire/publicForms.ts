import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const spki = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }) as string

function ofExponent(e: string): string {
  const { n = '' } = publicKey.export({ format: 'jwk' })
  return spki(createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' }))
}

/** What is pasted in place of an API public key, and what the refusal says of it. */
export const rawPublicForms: readonly (readonly [string, string, RegExp])[] = [
  [
    'a private key',
    privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    /is a private key.*Nothing was stored/,
  ],
  ['a private key of PKCS#1', privateKey.export({ type: 'pkcs1', format: 'pem' }) as string, /is a private key/],
  ['a public key of PKCS#1', publicKey.export({ type: 'pkcs1', format: 'pem' }) as string, /PKCS#1; convert it/],
  ['a key of SSH', 'ssh-rsa AAAAB3NzaC1yc2E= me@here', /SSH; convert it/],
  ['a certificate', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----', /is a certificate/],
  ['too short', spki(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey), /has 1024 bits/],
  ['of a curve', spki(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey), /of another kind \(ec\)/],
  ['of exponent 1', ofExponent('AQ'), /exponent under which signatures prove nothing/],
  ['no key', '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----', /this one is none/],
  ['nothing', '', /this one is none/],
]
