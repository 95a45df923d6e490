import { hash } from 'node:crypto'
import { CKO } from '../library/constants.ts'
import { derSignature, ecPublicKey } from '../token/publicKeys.ts'
import { createSigner, findOne, labelled } from '../roots/regionObjects.ts'
import type { RegionToken } from '../roots/regionToken.ts'
import { ecdsa, requireWhole } from './tokenKey.ts'
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
    sign: (rootKey, bytes) =>
      derSignature(
        token.run((session) =>
          requireWhole(
            session.sign(ecdsa, findOne(session, CKO.PRIVATE_KEY, rootKey), hash('sha384', bytes, 'buffer')),
            96,
          ),
        ),
      ),
  }
}

export function tenancyRootLabel(tenancyId: string): string {
  return `vaultspan tenancy ${tenancyId}`
}
