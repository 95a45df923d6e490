import type { KeyObject } from 'node:crypto'
import { isApiPublicKey, minKeyBits } from './apiPublicKey.ts'
import { whyWeakModulus } from './weakModulus.ts'

/**
 * Why nobody's signatures may be believed by an RSA key that comes from outside: what "this one" is, as in "this one has 1024
 * bits". Undefined where they may. For what is stored or fetched, not for every request (weakModulus.ts).
 */
export function whyUnfitRsaKey(key: KeyObject, maxBits: number): string | undefined {
  const { modulusLength = 0 } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType !== 'rsa') return `is of another kind (${key.asymmetricKeyType ?? 'unknown'})`
  if (modulusLength < minKeyBits || modulusLength > maxBits) return `has ${modulusLength} bits`
  if (!isApiPublicKey(key)) return 'has an exponent under which signatures prove nothing'
  const weakness = whyWeakModulus(key)
  return weakness === undefined ? undefined : `${weakness}, so that anybody can work out its private key`
}
