import { join } from 'node:path'
import { startCloud, type Cloud } from '../../local/cloud/startCloud.ts'
import { callerByProfile, type SignedCaller } from '../local/signedCaller.ts'
import { holdMessages, type HeldMessages } from './heldMessages.ts'
import { steps, type KeptCiphertext, type KeptSignature, type ReleaseStory, type Step } from './release.ts'
import { encryptedState } from './encryptedStateFixture.ts'

const [home, peer] = ['us-ashburn-1', 'us-phoenix-1'] as const
const day = 86_400_000
const plaintext = Buffer.from('a secret of a release').toString('base64')

/** The hands of the story: calls that must succeed, in the home region. */
class Teller {
  readonly cloud: Cloud
  readonly #call: SignedCaller
  readonly #endpoints = new Map<string, string>()

  constructor(cloud: Cloud, directory: string) {
    this.cloud = cloud
    this.#call = callerByProfile(directory)
  }

  async call(method: string, url: string, body?: unknown, headers?: Record<string, string>) {
    const answer = await this.#call(method, url, body, headers)
    if (answer.status >= 300) throw new Error(`${method} ${url} answered ${answer.status}`)
    return answer.body
  }

  region(method: string, path: string, body?: unknown) {
    return this.call(method, `${this.cloud.regions[0]?.endpoint ?? ''}${path}`, body)
  }

  vault(vaultId: string, method: string, path: string, body?: unknown, headers?: Record<string, string>) {
    return this.call(method, `${this.#endpoints.get(vaultId) ?? ''}/20180608${path}`, body, headers)
  }

  async makeVault(displayName: string, vaultType = 'DEFAULT'): Promise<string> {
    const body = { compartmentId: this.cloud.tenancyId, displayName, vaultType, freeformTags: { of: 'a release' } }
    const made = await this.region('POST', '/20180608/vaults', body)
    this.#endpoints.set(String(made['id']), String(made['managementEndpoint']))
    return String(made['id'])
  }

  async replicate(vaultId: string): Promise<void> {
    await this.region('POST', `/20180608/vaults/${vaultId}/actions/createReplica`, { replicaRegion: peer })
    await this.cloud.idle()
  }

  async makeKey(vaultId: string, displayName: string, more: object = {}): Promise<string> {
    return String((await this.vault(vaultId, 'POST', '/keys', this.keyInput(displayName, more)))['id'])
  }

  keyInput(displayName: string, more: object = {}) {
    const { tenancyId: compartmentId } = this.cloud
    return { compartmentId, displayName, keyShape: { algorithm: 'AES', length: 32 }, protectionMode: 'HSM', ...more }
  }

  async encrypt(vaultId: string, keyId: string, encryptionAlgorithm?: string): Promise<KeptCiphertext> {
    const algorithm = encryptionAlgorithm === undefined ? {} : { encryptionAlgorithm }
    const { ciphertext } = await this.vault(vaultId, 'POST', '/encrypt', { keyId, plaintext, ...algorithm })
    return { keyId, ciphertext: String(ciphertext), ...algorithm }
  }
}

/** Two regions whose data directory then holds every kind of row, and messages of every kind that have not arrived. */
export async function tellReleaseStory(directory: string, version: string): Promise<ReleaseStory> {
  const cloud = await startCloud({ directory, port: 0, regions: [home, peer] })
  const teller = new Teller(cloud, directory)
  const held = holdMessages(cloud.parts)
  const { tenancyId } = cloud
  await teller.region('POST', '/20160918/policies', {
    compartmentId: tenancyId,
    name: 'replication',
    description: 'lets the service replicate',
    statements: ['Allow service keymanagementservice to manage vaults in tenancy'],
  })
  const main = await tellMain(teller)
  const alone = await tellBackups(teller)
  const links = await tellLinks(teller, held)
  const second = await teller.makeVault('second')
  await teller.replicate(second)
  const late = await tellLate(teller, held, main.vaultId)
  const atRisk = await tellAtRisk(teller, second)
  await cloud.close()
  const story = {
    version,
    madeAt: Date.now(),
    tenancyId,
    plaintext,
    vaults: { main: main.vaultId, second, alone: alone.vaultId, ...links },
    compartmentId: late.compartmentId,
    keys: { ...main.keys, ...late.keys, atRisk: atRisk.keyId, alone: alone.ciphertext.keyId },
    ciphertexts: main.ciphertexts,
    aloneCiphertext: alone.ciphertext,
    atRiskCiphertext: atRisk,
    signatures: main.signatures,
    wrappingKeyPem: main.wrappingKeyPem,
    retried: main.retried,
    backups: alone.backups,
    messages: held.kept(),
    sealedState: await encryptedState(join(directory, 'hsm', `${home}.json`)),
  }
  return story
}

/** A replicated vault with keys of every family and every state. */
async function tellMain(teller: Teller) {
  const vaultId = await teller.makeVault('main', 'VIRTUAL_PRIVATE')
  await teller.replicate(vaultId)
  const input = teller.keyInput('aes', { definedTags: { ops: { owner: 'ä' } } })
  const token = 'a retry token of a release'
  const aes = String((await teller.vault(vaultId, 'POST', '/keys', input, { 'opc-retry-token': token }))['id'])
  const of = (name: string, algorithm: string, length: number, more = {}) =>
    teller.makeKey(vaultId, name, { keyShape: { algorithm, length, ...more }, protectionMode: 'SOFTWARE' })
  const short = await of('short', 'AES', 16)
  const rsa = await of('rsa', 'RSA', 256)
  const ecdsa = await of('ecdsa', 'ECDSA', 32, { curveId: 'NIST_P256' })
  const [rotating, disabled, doomed] = [
    await teller.makeKey(vaultId, 'rotating', {
      isAutoRotationEnabled: true,
      autoKeyRotationDetails: { rotationIntervalInDays: 60 },
    }),
    await teller.makeKey(vaultId, 'disabled'),
    await teller.makeKey(vaultId, 'doomed'),
  ]
  const ciphertexts = [
    await teller.encrypt(vaultId, aes),
    await teller.encrypt(vaultId, short),
    await teller.encrypt(vaultId, rsa, 'RSA_OAEP_SHA_256'),
  ]
  await teller.vault(vaultId, 'POST', `/keys/${rotating}/keyVersions`, {})
  const sign = async (keyId: string, signingAlgorithm: string): Promise<KeptSignature> => {
    const body = { keyId, message: plaintext, messageType: 'RAW', signingAlgorithm }
    const { signature, keyVersionId } = await teller.vault(vaultId, 'POST', '/sign', body)
    return { keyId, keyVersionId: String(keyVersionId), signature: String(signature), signingAlgorithm }
  }
  const signatures = [await sign(rsa, 'SHA_256_RSA_PKCS_PSS'), await sign(ecdsa, 'ECDSA_SHA_256')]
  await teller.vault(vaultId, 'POST', `/keys/${disabled}/actions/disable`)
  const timeOfDeletion = new Date(Date.now() + 7 * day + 3_600_000).toISOString()
  await teller.vault(vaultId, 'POST', `/keys/${doomed}/actions/scheduleDeletion`, { timeOfDeletion })
  const wrappingKeyPem = String((await teller.vault(vaultId, 'GET', '/wrappingKeys'))['publicKey'])
  await teller.cloud.idle()
  const keys = { aes, rotating, disabled, doomed }
  return { vaultId, keys, ciphertexts, signatures, wrappingKeyPem, retried: { token, keyId: aes, input } }
}

/** A vault without a replica, saved whole and its key alone. */
async function tellBackups(teller: Teller) {
  const vaultId = await teller.makeVault('alone', 'VIRTUAL_PRIVATE')
  const keyId = await teller.makeKey(vaultId, 'alone')
  const ciphertext = await teller.encrypt(vaultId, keyId)
  const place = (objectName: string) => ({
    backupLocation: { destination: 'BUCKET', namespace: 'ns', bucketName: 'b', objectName },
  })
  const backups = { vault: place('vault.json'), key: place('key.json') }
  await teller.region('POST', `/20180608/vaults/${vaultId}/actions/backup`, { ...backups.vault, isIncludeKeys: true })
  await teller.vault(vaultId, 'POST', `/keys/${keyId}/actions/backup`, backups.key)
  return { vaultId, ciphertext, backups }
}

/** Links that stand before each of their steps. */
async function tellLinks(teller: Teller, { hold }: HeldMessages): Promise<Record<Step, string>> {
  const made: [Step, string][] = []
  for (const step of steps) {
    const vaultId = await teller.makeVault(step)
    made.push([step, vaultId])
    const isDeletion = step === 'purge' || step === 'purged'
    if (isDeletion) await teller.replicate(vaultId)
    hold(step, vaultId)
    if (!isDeletion) await teller.replicate(vaultId)
    else await teller.region('POST', `/20180608/vaults/${vaultId}/actions/deleteReplica`, { replicaRegion: peer })
    await teller.cloud.idle()
  }
  return Object.fromEntries(made) as Record<Step, string>
}

/** Changes whose records, receipts, entries and votes have not arrived. */
async function tellLate(teller: Teller, { hold }: HeldMessages, vaultId: string) {
  const { cloud } = teller
  const { tenancyId: compartmentId } = cloud
  hold('receipts')
  const unacknowledged = await teller.makeKey(vaultId, 'unacknowledged')
  await cloud.idle()
  hold('records', vaultId)
  const heldBack = await teller.makeKey(vaultId, 'held back')
  await cloud.idle()
  const compartment = { compartmentId, name: 'closing', description: 'is being deleted' }
  const closing = String((await teller.region('POST', '/20160918/compartments', compartment))['id'])
  await cloud.idle()
  hold('compartmentVote')
  await teller.region('DELETE', `/20160918/compartments/${closing}`)
  await cloud.idle()
  const policy = {
    compartmentId,
    description: 'd',
    statements: ['Allow group Administrators to read vaults in tenancy'],
  }
  hold('identityReceipt')
  await teller.region('POST', '/20160918/policies', { ...policy, name: 'unacknowledged' })
  await cloud.idle()
  hold('identity')
  await teller.region('POST', '/20160918/policies', { ...policy, name: 'held back' })
  await cloud.idle()
  return { compartmentId: closing, keys: { unacknowledged, heldBack } }
}

/** A key that only its source has, because the peer was cut off when it was made. */
async function tellAtRisk(teller: Teller, vaultId: string): Promise<KeptCiphertext> {
  await teller.cloud.faults.cut(peer)
  const keyId = await teller.makeKey(vaultId, 'at risk')
  const ciphertext = await teller.encrypt(vaultId, keyId)
  await new Promise((resolve) => setTimeout(resolve, 500))
  return ciphertext
}
