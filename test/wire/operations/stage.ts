import { constants, publicEncrypt, randomBytes, randomUUID } from 'node:crypto'
import { models } from 'oci-keymanagement'
import { newOcid, newVaultPrefix } from '../../../lib/ocid.ts'
import { wantBackupKeys } from '../../../lib/replication/tenancy/replicateBackupKeys.ts'
import { base64, makeKey, makeVault, ociCloud, otherRegion, replicate, shapes, type OciCloud } from '../ociCloud.ts'
import { callers, type Callers } from './callers.ts'
import { nobody, people, type People } from './people.ts'
import { noTagging, tagging, type Tagging } from './tagging.ts'

/** What the cases share: a cloud, who calls, and things to call about that no case changes. */
export interface Stage extends Omit<Callers, 'close'> {
  readonly oci: OciCloud
  /** A private vault in full working order. */
  readonly ready: Target
  /** Another such vault, with keys of its own. */
  readonly another: Target
  /** Ids that nothing has, at the endpoints of `ready`. */
  readonly absent: Target
  /** The replica of a vault, at its own region's endpoints. */
  readonly replica: Target
  /** A vault that is to be deleted, and its keys with it. */
  readonly doomed: Target
  /** A vault of which the tenancy's word to the service says nothing. */
  readonly unserved: models.Vault
  /** What a backup wrote. */
  fileAt(place: Place): Promise<string>
  close(): Promise<void>
}

export interface Place extends models.BackupLocationBucket {
  destination: 'BUCKET'
}

/** What a call is about: a vault, a key of each kind, a policy. */
export interface Target {
  /** The endpoint of the vault's region. */
  readonly region: string
  readonly vault: models.Vault
  /** An AES key of two versions; `oldVersionId` is the first. */
  readonly keyId: string
  readonly oldVersionId: string
  /** The ciphertext of `HELLO WORLD` under that key. */
  readonly ciphertext: string
  readonly signingKeyId: string
  readonly signingVersionId: string
  readonly softwareKeyId: string
  readonly policyId: string
  readonly compartmentId: string
  readonly replicationId: string
  readonly replicaRegion: string
  /** Material of an AES-256 key, wrapped for the wrapping key of `ready`. */
  readonly material: string
  /** A compartment below the tenancy, in which nothing is. */
  readonly subcompartmentId: string
  /** Of a compartment's deletion that has succeeded. */
  readonly workRequestId: string
  readonly tenancyId: string
  /** A user in a group, with an API key of this fingerprint. */
  readonly userId: string
  readonly groupId: string
  readonly membershipId: string
  readonly fingerprint: string
  readonly dynamicGroupId: string
  readonly tagNamespaceId: string
  /** A key of that namespace, and the default of it in `compartmentId`. */
  readonly tagName: string
  readonly tagDefinitionId: string
  readonly tagDefaultId: string
  /** Of a tag namespace's deletion with its keys. */
  readonly taggingWorkRequestId: string
  readonly trustedIssuerId: string
  /** For what is made and must have a name of its own. */
  readonly name: string
  /** Where a backup may go. */
  readonly place: Place
  readonly vaultPlace: Place
  readonly vaultFile: string
  /** A backup of `keyId`. */
  readonly keyPlace: Place
  readonly keyFile: string
}

/** What all targets of a stage have in common. */
type Common = Pick<
  Target,
  'policyId' | 'material' | 'subcompartmentId' | 'workRequestId' | 'tenancyId' | 'vaultPlace' | 'vaultFile'
> &
  People &
  Tagging

export async function openStage(): Promise<Stage> {
  const oci = await ociCloud({}, { isScheduled: false })
  const who = await callers(oci)
  // A service asks for them in the background, which this cloud leaves undone.
  for (const { runtime } of oci.cloud.parts) await wantBackupKeys(runtime, oci.tenancyId)
  await oci.cloud.idle()
  const fileAt = async (place: Place) => (await oci.cloud.parts[0]?.runtime.backups.read(oci.tenancyId, place)) ?? ''
  const unserved = await makeVault(oci, 'unserved')
  const common = await inCommon(oci, unserved.id)
  const plain = await prepare(oci, 'ready', { ...common, material: '', vaultFile: '' }, fileAt)
  const wrapping = (await oci.keys(plain.vault.managementEndpoint).getWrappingKey({})).wrappingKey
  const { vaultPlace } = common
  await oci.vaults().backupVault({ vaultId: plain.vault.id, backupVaultDetails: { backupLocation: vaultPlace } })
  const shared = {
    ...common,
    material: wrapFor(wrapping.publicKey, randomBytes(32)),
    vaultFile: await fileAt(vaultPlace),
  }
  const ready = { ...plain, ...shared }
  const doomed = await prepare(oci, 'doomed', shared, fileAt)
  await oci.vaults().scheduleVaultDeletion({ vaultId: doomed.vault.id, scheduleVaultDeletionDetails: {} })
  return {
    ...who,
    oci,
    ready,
    another: await prepare(oci, 'another', shared, fileAt),
    absent: nothing(oci, ready),
    replica: await replicaOf(oci, await prepare(oci, 'replicated', shared, fileAt)),
    doomed,
    unserved,
    fileAt,
    close: async () => {
      who.close()
      await oci.close()
    },
  }
}

async function inCommon(oci: OciCloud, unservedId: string): Promise<Omit<Common, 'material' | 'vaultFile'>> {
  const createCompartmentDetails = { compartmentId: oci.tenancyId, name: 'empty', description: 'd' }
  const { compartment } = await oci.identity().createCompartment({ createCompartmentDetails })
  const policyId = await allowReplicationBut(oci, unservedId)
  const { tenancyId } = oci
  const workRequestId = (await goneCompartment(oci)).workRequestId
  const subcompartmentId = compartment.id
  const more = { ...(await people(oci)), ...(await tagging(oci)) }
  return { policyId, subcompartmentId, workRequestId, tenancyId, vaultPlace: placeOf('ready'), ...more }
}

/** A compartment that is DELETED by now, and the request that did it. */
export async function goneCompartment(oci: OciCloud): Promise<Pick<Target, 'subcompartmentId' | 'workRequestId'>> {
  const createCompartmentDetails = { compartmentId: oci.tenancyId, name: randomUUID(), description: 'd' }
  const { id: compartmentId } = (await oci.identity().createCompartment({ createCompartmentDetails })).compartment
  const { opcWorkRequestId } = await oci.identity().deleteCompartment({ compartmentId })
  await oci.cloud.idle()
  return { subcompartmentId: compartmentId, workRequestId: opcWorkRequestId }
}

export function placeOf(objectName: string): Place {
  return { destination: 'BUCKET', namespace: 'n', bucketName: 'b', objectName }
}

async function prepare(oci: OciCloud, name: string, common: Common, fileAt: Stage['fileAt']): Promise<Target> {
  const vault = await makeVault(oci, name)
  const key = await makeKey(oci, vault)
  await oci.keys(vault.managementEndpoint).createKeyVersion({ keyId: key.id })
  const encryptDataDetails = { keyId: key.id, plaintext: base64('HELLO WORLD') }
  const { encryptedData } = await oci.crypto(vault.cryptoEndpoint).encrypt({ encryptDataDetails })
  const keyPlace = placeOf(`${name}-key`)
  await oci.keys(vault.managementEndpoint).backupKey({ keyId: key.id, backupKeyDetails: { backupLocation: keyPlace } })
  const signing = await makeKey(oci, vault, shapes.p256)
  const { Software } = models.CreateKeyDetails.ProtectionMode
  return {
    region: oci.home,
    vault,
    keyId: key.id,
    oldVersionId: key.currentKeyVersion,
    ciphertext: encryptedData.ciphertext,
    signingKeyId: signing.id,
    signingVersionId: signing.currentKeyVersion,
    softwareKeyId: (await makeKey(oci, vault, shapes.aes256, { protectionMode: Software })).id,
    compartmentId: oci.tenancyId,
    replicationId: 'bm9uZQ',
    replicaRegion: otherRegion,
    name: randomUUID(),
    place: placeOf(`${name}-again`),
    keyPlace,
    keyFile: await fileAt(keyPlace),
    ...common,
  }
}

/** Ids as this service makes them, of the same vault, so that nothing but their absence is wrong with them. */
function nothing({ cloud }: OciCloud, ready: Target): Target {
  const [, , , , vaultPrefix = ''] = ready.vault.id.split('.')
  const place = { region: cloud.homeRegion, vaultPrefix }
  const keyId = newOcid(randomBytes, 'key', place)
  const id = newOcid(randomBytes, 'vault', { ...place, vaultPrefix: newVaultPrefix(randomBytes) })
  return {
    ...ready,
    vault: { ...ready.vault, id },
    keyId,
    oldVersionId: ready.oldVersionId,
    signingKeyId: keyId,
    softwareKeyId: keyId,
    policyId: newOcid(randomBytes, 'policy'),
    compartmentId: newOcid(randomBytes, 'compartment'),
    subcompartmentId: newOcid(randomBytes, 'compartment'),
    workRequestId: newOcid(randomBytes, 'workrequest'),
    tenancyId: newOcid(randomBytes, 'tenancy'),
    ...nobody(),
    ...noTagging(),
    replicationId: 'bm9uZQ',
    replicaRegion: 'eu-frankfurt-1',
  }
}

async function replicaOf(oci: OciCloud, source: Target): Promise<Target> {
  const { management, crypto } = await replicate(oci, source.vault.id)
  await oci.cloud.idle()
  const { vault } = await oci.vaults(oci.other).getVault({ vaultId: source.vault.id })
  const { key } = await oci.keys(management).getKey({ keyId: source.keyId })
  return {
    ...source,
    region: oci.other,
    vault: { ...vault, managementEndpoint: management, cryptoEndpoint: crypto },
    replicationId: key.replicaDetails?.replicationId ?? '',
    replicaRegion: oci.cloud.homeRegion,
  }
}

async function allowReplicationBut(oci: OciCloud, vaultId: string): Promise<string> {
  const statement = `Allow service keymanagementservice to manage vaults in tenancy where target.vault.id != '${vaultId}'`
  const createPolicyDetails = {
    compartmentId: oci.tenancyId,
    name: 'vault-replication',
    description: 'Lets the service keep replicas',
    statements: [statement],
  }
  return (await oci.identity().createPolicy({ createPolicyDetails })).policy.id
}

/** RSA_OAEP_SHA256 (contract §6.6). */
function wrapFor(publicKey: string, material: Buffer): string {
  const padding = constants.RSA_PKCS1_OAEP_PADDING
  return publicEncrypt({ key: publicKey, padding, oaepHash: 'sha256' }, material).toString('base64')
}

/** A key of its own for a case that changes it, in the vault of `ready`. */
export async function freshKey(
  { oci, ready }: Stage,
  shape: models.KeyShape = shapes.aes256,
  more: Partial<models.CreateKeyDetails> = {},
): Promise<Target> {
  const key = await makeKey(oci, ready.vault, shape, more)
  return { ...ready, keyId: key.id, oldVersionId: key.currentKeyVersion, place: placeOf(key.id) }
}

/** A vault of its own for a case that changes it. */
export async function freshVault({ oci, ready }: Stage): Promise<Target> {
  const vault = await makeVault(oci, 'of its own')
  return { ...ready, vault, place: placeOf(vault.id) }
}

/** For a case that makes something and gives it a name. */
export async function named({ ready }: Stage): Promise<Target> {
  return { ...ready, name: randomUUID() }
}
