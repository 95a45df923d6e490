import { hash, type KeyObject } from 'node:crypto'
import { isP384Signature } from '../../primitives/p384.ts'
import type { RegionToken } from '../roots/regionToken.ts'
import { derSignature } from '../token/publicKeys.ts'
import { ecdsa, requireWhole, signedWrongly, wrongly } from './tokenKey.ts'

/** By the region's identity. @throws KmsError unavailable, also where what the token signs does not verify. */
export async function signAsRegion(token: RegionToken, publicKey: KeyObject, bytes: Uint8Array): Promise<Buffer> {
  const digest = hash('sha384', bytes, 'buffer')
  const signature = await token.onThread(async (session, { identity }) =>
    derSignature(requireWhole(await session.signOnThread(ecdsa, identity, digest), 96)),
  )
  if (await isP384Signature(publicKey, bytes, signature)) return signature
  throw wrongly(signedWrongly)
}
