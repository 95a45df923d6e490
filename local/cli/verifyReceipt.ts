import { hash } from 'node:crypto'
import { signaturesUnder } from '../../lib/hsm/formats/statement.ts'
import { p384PublicKey, publicKeyPem } from '../../lib/hsm/primitives/p384.ts'
import { realm } from '../../lib/ocid.ts'
import { changeOf, checkProof, proofFailures } from '../../lib/replication/messages/checkProof.ts'
import type { ProofOfArrival } from '../../lib/replication/messages/proofOfArrival.ts'
import { readRoot } from '../directory/readRoot.ts'
import { textOf } from '../textOf.ts'

/** What a proof of arrival says, or what is wrong with it. */
interface Verdict {
  readonly failures: readonly string[]
  readonly says: readonly string[]
}

/** Checks an answer of GetReplicationReceipt, by itself and offline. `root`: a file that holds the tenancy's. */
export async function verifyReceipt(file: string, root: string | undefined): Promise<Verdict> {
  const pinned = root === undefined ? undefined : readRoot(root)
  if (root !== undefined && pinned === undefined) return refused(`${root} holds no P-384 public key in PEM.`)
  const checked = await checkProof(textOf(file), (named) => {
    const key = pinned ?? p384PublicKey(named)
    return key === undefined ? undefined : signaturesUnder(key, realm)
  })
  if (checked === 'format') return refused(proofFailures.format)
  if (checked.failures.length > 0) return refused(...checked.failures.map((kind) => proofFailures[kind]))
  return { failures: [], says: [saidBy(checked.proof), ...(pinned === undefined ? [rootOf(checked.proof)] : [])] }
}

function refused(...failures: readonly string[]): Verdict {
  return { failures, says: [] }
}

function saidBy(proof: ProofOfArrival): string {
  const { replica, source, vaultId, receipt } = proof
  const { id = '', revision = 0 } = changeOf(proof) ?? {}
  const resource = id === vaultId ? 'the vault' : `the key ${id} of the vault`
  const at = new Date(proof.proof.sentAt).toISOString()
  return (
    `Valid: at ${at} ${replica} told ${source} that it has every row of ${resource} ${vaultId} ` +
    `up to revision ${receipt.covered.revision}; the change asked about is revision ${revision}.`
  )
}

function rootOf({ trustRoot }: ProofOfArrival): string {
  const key = p384PublicKey(trustRoot)
  const print = key === undefined ? '' : hash('sha256', publicKeyPem(key))
  return `The tenancy's root was taken from the file itself (SHA-256 of its PEM ${print}); give --root to pin it.`
}
