import type { KeyObject } from 'node:crypto'

export const minKeyBits = 2048
/** Past this a verification costs more than a whole request should. */
export const maxKeyBits = 8192

/** RSA of 2048 to 8192 bits. Under an exponent of 1 everybody can sign, and an even one is none. */
export function isApiPublicKey(key: KeyObject): boolean {
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {}
  return (
    key.type === 'public' &&
    key.asymmetricKeyType === 'rsa' &&
    modulusLength >= minKeyBits &&
    modulusLength <= maxKeyBits &&
    publicExponent >= 3n &&
    publicExponent % 2n === 1n &&
    publicExponent < 1n << 64n
  )
}
