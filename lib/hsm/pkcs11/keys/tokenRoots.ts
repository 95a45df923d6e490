import { hash, verify } from 'node:crypto'
import { CKO } from '../library/constants.ts'
import { derSignature, ecPublicKey } from '../token/publicKeys.ts'
import { createSigner, findOne, labelled } from '../roots/regionObjects.ts'
import type { RegionToken } from '../roots/regionToken.ts'
import { ecdsa, requireWhole, signedWrongly, wrongly } from './tokenKey.ts'
import type { RootKeys } from '../../software/tenancyRoots.ts'

/** The roots of the tenancies whose home is this region, in its token; the state keeps their labels. */
export function tokenRoots(token: RegionToken): RootKeys {
  return {
    create: (tenancyId) => {
      const rootKey = tenancyRootLabel(tenancyId)
      const publicKey = token.run((session) => {
        // One that was made before a crash is there without its entry in the state.
        const [known] = session.find(labelled(CKO.PUBLIC_KEY, rootKey))
        return ecPublicKey(session, known ?? createSigner(session, rootKey), 'NIST_P384')
      })
      return { rootKey, publicKey }
    },
    sign: (rootKey, publicKey, bytes) => {
      const digest = hash('sha384', bytes, 'buffer')
      const raw = token.run((session) => session.sign(ecdsa, findOne(session, CKO.PRIVATE_KEY, rootKey), digest))
      const signature = derSignature(requireWhole(raw, 96))
      if (verify('sha384', bytes, publicKey, signature)) return signature
      throw wrongly(signedWrongly)
    },
  }
}

export function tenancyRootLabel(tenancyId: string): string {
  return `vaultspan tenancy ${tenancyId}`
}
