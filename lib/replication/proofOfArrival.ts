import { notFoundOrForbidden } from '../errors.ts'
import type { KmsPorts } from '../kms/kmsPorts.ts'
import type { Vault } from '../kms/vaultCache.ts'
import {
  unsignedProofBytes,
  type ProofOfArrival,
  type ReceiptProof,
  type UnsignedProof,
} from './messages/proofOfArrival.ts'
import { arrival, knownChange, versionsOf } from './status.ts'

type ProofPorts = Pick<KmsPorts, 'tables' | 'cache' | 'hsm' | 'clock' | 'region'>

/**
 * What stands behind REPLICATED, for a caller to keep. Only the primary has it: receipts are its own.
 * @throws KmsError notAuthorizedOrNotFound where no receipt covers this change.
 */
export async function proofOfArrival(ports: ProofPorts, vault: Vault, id: string): Promise<ProofOfArrival> {
  const { change, stored } = await knownChange(ports, vault, id)
  const { id: vaultId, tenancyId, fence, primaryRegion, replicaRegion } = vault.row
  const isSource = primaryRegion === ports.region
  const found = isSource ? await arrival(ports, vault, change, stored) : undefined
  if (found === undefined || replicaRegion === null) throw notFoundOrForbidden({ name: 'notAcknowledged', vaultId })
  const { epoch, revision, mac } = stored
  const unsigned: UnsignedProof = {
    format: 'vaultspan/proof-of-arrival/1',
    tenancyId,
    vaultId,
    replicationId: id,
    source: ports.region,
    replica: replicaRegion,
    fence,
    issuedAt: ports.clock(),
    stored: { epoch, revision, digest: mac, versions: versionsOf(stored) ?? null },
    receipt: found.receipt,
    path: found.path,
    // INVARIANT: the row's MAC was verified, and it was made of an envelope that was verified.
    proof: found.proof as unknown as ReceiptProof,
    trustRoot: ports.hsm.trustRoot(tenancyId),
    statement: ports.hsm.statement(tenancyId),
  }
  const signature = await ports.hsm.sign(unsignedProofBytes(unsigned))
  return { ...unsigned, signature: signature.toString('base64') }
}
