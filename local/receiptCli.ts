import { hash, type KeyObject } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { signaturesUnder } from '../lib/hsm/formats/statement.ts'
import { p384PublicKey, publicKeyPem } from '../lib/hsm/primitives/p384.ts'
import { realm } from '../lib/ocid.ts'
import { changeOf, checkProof, proofFailures } from '../lib/replication/messages/checkProof.ts'
import type { ProofOfArrival } from '../lib/replication/messages/proofOfArrival.ts'
import { readCommandLine } from './commandLine.ts'
import { typed } from './typed.ts'
import { messageOf } from '../lib/userError.ts'

const usage = () => typed('receipt:verify', 'FILE', '[--root FILE]')
const command = {
  name: 'receipt:verify',
  does: 'Checks an answer of GetReplicationReceipt, by itself and offline.',
  words: 'FILE',
  flags: { root: { value: 'FILE', says: 'the tenancy’s root; without it the one that the file names is taken' } },
  more: 'The root is a PEM file, a data directory of the service, which holds one, or JSON with a member trustRoot: another proof whose root is believed.',
} as const

/** `npm run receipt:verify`: checks an answer of GetReplicationReceipt, by itself and offline. */
async function verify(): Promise<readonly string[]> {
  const { flags, words } = readCommandLine(command)
  const [file, ...others] = words
  if (file === undefined || others.length > 0) return [usage()]
  const pinned = flags.root === undefined ? undefined : readRoot(flags.root)
  if (flags.root !== undefined && pinned === undefined) return [`${flags.root} holds no P-384 public key in PEM.`]
  const checked = await checkProof(readFileSync(file, 'utf8'), (named) => {
    const root = pinned ?? p384PublicKey(named)
    return root === undefined ? undefined : signaturesUnder(root, realm)
  })
  if (checked === 'format') return [proofFailures.format]
  if (checked.failures.length > 0) return checked.failures.map((kind) => proofFailures[kind])
  console.log(saidBy(checked.proof))
  if (pinned === undefined) console.log(rootOf(checked.proof))
  return []
}

/** From whatever the service writes it into; undefined where no root is in there. */
function readRoot(path: string): KeyObject | undefined {
  const text = readFileSync(statSync(path).isDirectory() ? join(path, 'tenancyRoot.pem') : path, 'utf8')
  return p384PublicKey(text) ?? p384PublicKey(trustRootIn(text))
}

function trustRootIn(json: string): string {
  try {
    const { trustRoot } = JSON.parse(json) as { readonly trustRoot?: unknown }
    return typeof trustRoot === 'string' ? trustRoot : ''
  } catch {
    return ''
  }
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

const failures = await verify().catch((cause: unknown) => [messageOf(cause)])
for (const line of failures) console.error(line)
if (failures.length > 0) process.exitCode = 1
