import { chmodSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Body } from '../../lib/replication/messages/signedMessage.ts'
import type { QueueName } from '../../lib/ports.ts'
import { restoreDatabase } from './sqlDump.ts'

/** A message between regions as a release wrote it; held back: its destination has never seen it. */
export interface KeptMessage {
  /** What 0.1.0 had; later releases compare vaults and tell heads of the audit too. */
  readonly kind: Exclude<Body['kind'], 'compare' | 'compared' | 'auditHeads'>
  readonly to: string
  readonly queue: QueueName
  readonly body: string
  readonly isHeldBack: boolean
}

export interface KeptCiphertext {
  readonly keyId: string
  readonly ciphertext: string
  readonly encryptionAlgorithm?: string
}

export interface KeptSignature {
  readonly keyId: string
  readonly keyVersionId: string
  readonly signature: string
  readonly signingAlgorithm: string
}

/** What a release's fixture holds beside its data directory: who is who in it. */
export interface ReleaseStory {
  readonly version: string
  /** Unix milliseconds. */
  readonly madeAt: number
  readonly tenancyId: string
  readonly plaintext: string
  /** Replicated, with keys of every family; `second` was cut off from its replica when `atRiskKey` was made. */
  readonly vaults: Readonly<Record<'main' | 'second' | 'alone' | Step, string>>
  readonly compartmentId: string
  readonly keys: Readonly<
    Record<'aes' | 'rotating' | 'disabled' | 'doomed' | 'heldBack' | 'unacknowledged' | 'atRisk' | 'alone', string>
  >
  readonly ciphertexts: readonly KeptCiphertext[]
  readonly aloneCiphertext: KeptCiphertext
  readonly atRiskCiphertext: KeptCiphertext
  readonly signatures: readonly KeptSignature[]
  readonly wrappingKeyPem: string
  readonly retried: { readonly token: string; readonly keyId: string; readonly input: object }
  readonly backups: Readonly<Record<'vault' | 'key', object>>
  readonly messages: readonly KeptMessage[]
  /** The state of an HSM as it lies in DynamoDB, and the key that the key service wrapped for it (hex). */
  readonly sealedState: { readonly item: Readonly<Record<string, unknown>>; readonly dataKey: string }
}

/** Vaults whose link was held up before this message of it arrived. */
export const steps = ['linkRequest', 'linkOffer', 'linkBundle', 'linkAccepted', 'purge', 'purged'] as const
export type Step = (typeof steps)[number]

export const releasesDirectory = 'test/fixtures/releases'
export const releases = readdirSync(releasesDirectory)

export function readStory(version: string): ReleaseStory {
  return JSON.parse(readFileSync(join(releasesDirectory, version, 'story.json'), 'utf8')) as ReleaseStory
}

/** Everything of a fixture as one text. */
export function releaseText(version: string): string {
  const directory = join(releasesDirectory, version)
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return files.map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'utf8')).join('\n')
}

/**
 * Vaults keep their ports, which are any in what a release has left: on Linux each process listens there at an address of
 * its own, where nobody else has taken them.
 */
export const ownAddress =
  process.platform === 'linux' ? { host: `127.1.${(process.pid >> 8) % 256}.${(process.pid % 255) + 1}` } : {}

/** A release's data directory as that release left it, in a place of its own. */
export function restoreRelease(version: string): RestoredData {
  return restoreData(join(releasesDirectory, version, 'data'))
}

export interface RestoredData {
  readonly directory: string
  readonly remove: () => void
}

/** A copy of a kept data directory to run on. */
export function restoreData(from: string): RestoredData {
  const directory = mkdtempSync(join(tmpdir(), 'vaultspan-upgrade-'))
  cpSync(from, directory, { recursive: true, filter: (file) => !file.endsWith('.sql') })
  for (const name of readdirSync(from, { recursive: true, encoding: 'utf8' })) {
    if (name.endsWith('.sql'))
      restoreDatabase(join(directory, name.replace(/\.sql$/, '')), readFileSync(join(from, name), 'utf8'))
    // Whoever checked the fixture out gave its files other modes than the release did.
    else if (/\.(json|pem)$/.test(name)) chmodSync(join(directory, name), 0o600)
  }
  return {
    directory,
    remove: () => {
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
