import { models as identityModels } from 'oci-identity'
import { models, requests } from 'oci-keymanagement'
import { operations } from '../../lib/http/operations.ts'
import { until } from '../harness/until.ts'
import { identityLife } from './identityLife.ts'
import { restOfALife } from './remainingCalls.ts'
import { sessionLife } from './sessionLife.ts'
import {
  allowReplication,
  base64,
  makeKey,
  makeVault,
  ociCloud,
  replicate,
  send,
  shapes,
  type OciCloud,
} from './ociCloud.ts'

let oci: OciCloud
let vault: models.Vault
beforeAll(async () => {
  oci = await ociCloud()
  vault = await makeVault(oci)
})
afterAll(() => oci.close())

const keys = () => oci.keys(vault.managementEndpoint)
const crypto = () => oci.crypto(vault.cryptoEndpoint)

async function collect<T>(pages: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of pages) items.push(item)
  return items
}

describe('a vault', () => {
  const { VirtualPrivate, Default } = models.CreateVaultDetails.VaultType
  test.each([VirtualPrivate, Default])('of the type %s is ACTIVE in the answer', async (vaultType) => {
    const made = await makeVault(oci, `a ${vaultType}`, vaultType)
    expect(made).toMatchObject({ lifecycleState: 'ACTIVE', vaultType, isPrimary: true, isVaultReplicable: true })
    expect(made).toMatchObject({ definedTags: {}, freeformTags: {}, timeOfDeletion: null })
    expect(made.replicaDetails).toBeUndefined()
    expect(made.wrappingkeyId).toMatch(/^ocid1\.key\.oc1\.iad\.[a-z2-7]{13}\.[a-z2-7]{60}$/)
    expect(made.managementEndpoint).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
  })

  test('is found by its id with an etag, and passes the client’s own waiter at once', async () => {
    const vaults = oci.vaults()
    const found = await vaults.getVault({ vaultId: vault.id })
    expect(found.vault).toEqual(vault)
    expect(found.etag).toMatch(/^[0-9a-f]{40}$/)
    const waited = await vaults.createWaiters().forVault({ vaultId: vault.id }, models.Vault.LifecycleState.Active)
    expect(waited).toMatchObject({ vault: { id: vault.id } })
  })

  test('is renamed', async () => {
    const { id: vaultId } = await makeVault(oci, 'old name')
    const updated = await oci.vaults().updateVault({ vaultId, updateVaultDetails: { displayName: 'new name' } })
    expect(updated.vault).toMatchObject({ id: vaultId, displayName: 'new name' })
    expect((await oci.vaults().getVault({ vaultId })).vault.displayName).toBe('new name')
  })

  test('is listed, by name and page by page', async () => {
    for (const name of ['c', 'a', 'b']) await makeVault(oci, `listed ${name}`)
    const sortBy = requests.ListVaultsRequest.SortBy.Displayname
    const request = { compartmentId: oci.tenancyId, sortBy, limit: 2 }
    const first = await oci.vaults().listVaults(request)
    expect(first.items).toHaveLength(2)
    expect(first.opcNextPage).toMatch(/^[A-Za-z0-9_-]+$/)
    const all = await collect(oci.vaults().listAllVaults(request))
    const names = all.map(({ displayName }) => displayName).filter((name) => name.startsWith('listed'))
    expect(names).toEqual(['listed a', 'listed b', 'listed c'])
  })
})

describe('a key', () => {
  const { Hsm, Software } = models.CreateKeyDetails.ProtectionMode
  const kinds = Object.entries(shapes).flatMap(([name, shape]) =>
    [Hsm, Software].map((protectionMode) => ({ name, shape, protectionMode })),
  )
  test.each(kinds)('$name, $protectionMode: ENABLED in the answer, as asked for', async ({ shape, protectionMode }) => {
    const key = await makeKey(oci, vault, shape, { protectionMode, freeformTags: { team: 'blue' } })
    expect(key).toMatchObject({ lifecycleState: 'ENABLED', protectionMode, freeformTags: { team: 'blue' } })
    expect(key.keyShape).toEqual({ curveId: null, ...shape })
    expect(key.vaultId).toBe(vault.id)
    const { keyVersion } = await keys().getKeyVersion({ keyId: key.id, keyVersionId: key.currentKeyVersion })
    expect(keyVersion).toMatchObject({ keyId: key.id, lifecycleState: 'ENABLED', origin: 'INTERNAL' })
    if (shape.algorithm === models.KeyShape.Algorithm.Aes) expect(keyVersion.publicKey).toBeNull()
    else expect(keyVersion.publicKey).toContain('BEGIN PUBLIC KEY')
  })

  test('is disabled and enabled again, each time with a new etag', async () => {
    const { id: keyId } = await makeKey(oci, vault)
    const etags = [(await keys().getKey({ keyId })).etag]
    const disabled = await keys().disableKey({ keyId, ifMatch: etags[0] ?? '' })
    expect(disabled.key.lifecycleState).toBe('DISABLED')
    const enabled = await keys().enableKey({ keyId, ifMatch: `"${disabled.etag}"` })
    expect(enabled.key.lifecycleState).toBe('ENABLED')
    etags.push(disabled.etag, enabled.etag)
    expect(new Set(etags).size).toBe(3)
    const { Enabled } = models.Key.LifecycleState
    expect(await keys().createWaiters().forKey({ keyId }, Enabled)).toMatchObject({ key: { id: keyId } })
  })

  test('is renamed', async () => {
    const { id: keyId } = await makeKey(oci, vault)
    const { key } = await keys().updateKey({ keyId, updateKeyDetails: { displayName: 'new name' } })
    expect(key).toMatchObject({ id: keyId, displayName: 'new name', lifecycleState: 'ENABLED' })
  })

  test('is rotated: the new version serves, all are listed, newest first', async () => {
    const key = await makeKey(oci, vault)
    const { keyVersion: second } = await keys().createKeyVersion({ keyId: key.id })
    const { keyVersion: third } = await keys().createKeyVersion({ keyId: key.id })
    expect((await keys().getKey({ keyId: key.id })).key.currentKeyVersion).toBe(third.id)
    const listed = await collect(keys().listAllKeyVersions({ keyId: key.id, limit: 1 }))
    expect(listed.map(({ id }) => id)).toEqual([third.id, second.id, key.currentKeyVersion])
  })

  test('is listed by name, in both directions, across pages, and by what it is', async () => {
    const own = await makeVault(oci, 'listing')
    for (const displayName of ['b', 'ä', 'a', 'C']) await makeKey(oci, own, shapes.aes128, { displayName })
    await makeKey(oci, own, shapes.p384, { displayName: 'signs', protectionMode: Software })
    const { SortBy, SortOrder, Algorithm, CurveId, ProtectionMode } = requests.ListKeysRequest
    const list = async (more: Partial<requests.ListKeysRequest>) =>
      (
        await collect(oci.keys(own.managementEndpoint).listAllKeys({ compartmentId: oci.tenancyId, limit: 2, ...more }))
      ).map(({ displayName }) => displayName)
    expect(await list({ sortBy: SortBy.Displayname })).toEqual(['C', 'a', 'b', 'signs', 'ä'])
    expect(await list({ sortBy: SortBy.Displayname, sortOrder: SortOrder.Desc })).toEqual(['ä', 'signs', 'b', 'a', 'C'])
    expect(await list({ sortBy: SortBy.Timecreated, sortOrder: SortOrder.Asc })).toHaveLength(5)
    expect(await list({ algorithm: Algorithm.Aes, length: 16 })).toHaveLength(4)
    expect(await list({ curveId: CurveId.NistP384 })).toEqual(['signs'])
    expect(await list({ protectionMode: ProtectionMode.Software })).toEqual(['signs'])
  })
})

describe('encryption', () => {
  const plaintext = base64('HELLO WORLD')

  test.each(['aes128', 'aes256', 'rsa2048'] as const)('with %s comes back, with its checksum', async (shape) => {
    const key = await makeKey(oci, vault, shapes[shape])
    const { encryptedData } = await crypto().encrypt({ encryptDataDetails: { keyId: key.id, plaintext } })
    expect(encryptedData).toMatchObject({ keyId: key.id, keyVersionId: key.currentKeyVersion })
    const decryptDataDetails = { keyId: key.id, ciphertext: encryptedData.ciphertext }
    const { decryptedData } = await crypto().decrypt({ decryptDataDetails })
    expect(decryptedData).toMatchObject({ plaintext, plaintextChecksum: '2279966299', keyId: key.id })
    expect(decryptedData.keyVersionId).toBe(key.currentKeyVersion)
  })

  test('is bound to its associatedData, whose order does not count', async () => {
    const { id: keyId } = await makeKey(oci, vault)
    const encryptDataDetails = { keyId, plaintext, associatedData: { b: '2', a: '1' }, loggingContext: { why: 'test' } }
    const { ciphertext } = (await crypto().encrypt({ encryptDataDetails })).encryptedData
    const decrypt = (associatedData: Record<string, string>) =>
      crypto().decrypt({ decryptDataDetails: { keyId, ciphertext, associatedData } })
    expect((await decrypt({ a: '1', b: '2' })).decryptedData.plaintext).toBe(plaintext)
    await expect(decrypt({ a: '1' })).rejects.toMatchObject({ statusCode: 400, serviceCode: 'InvalidParameter' })
  })

  test.each([true, false])('of a data key: its plaintext is in the answer where asked for: %s', async (isIncluded) => {
    const { id: keyId } = await makeKey(oci, vault)
    const associatedData = { for: 'volume' }
    const generateKeyDetails = { keyId, keyShape: shapes.aes256, includePlaintextKey: isIncluded, associatedData }
    const { generatedKey } = await crypto().generateDataEncryptionKey({ generateKeyDetails })
    const decryptDataDetails = { keyId, ciphertext: generatedKey.ciphertext, associatedData }
    const { decryptedData } = await crypto().decrypt({ decryptDataDetails })
    expect(Buffer.from(decryptedData.plaintext, 'base64')).toHaveLength(32)
    expect(generatedKey.plaintext).toBe(isIncluded ? decryptedData.plaintext : null)
    expect(generatedKey.plaintextChecksum).toBe(isIncluded ? decryptedData.plaintextChecksum : null)
  })
})

test('a policy is made, found, listed, changed and deleted', async () => {
  const identity = oci.identity()
  const details = { compartmentId: oci.tenancyId, name: 'readers', description: 'd' }
  const statements = ['Allow group Administrators to read keys in tenancy']
  const { policy, etag } = await identity.createPolicy({ createPolicyDetails: { ...details, statements } })
  expect(policy).toMatchObject({ ...details, statements, lifecycleState: 'ACTIVE' })
  expect((await identity.getPolicy({ policyId: policy.id })).policy).toEqual(policy)
  const changed = ['Allow group Administrators to inspect keys in tenancy']
  const updatePolicyDetails = { statements: changed }
  const updated = await identity.updatePolicy({ policyId: policy.id, updatePolicyDetails, ifMatch: etag })
  expect(updated.policy.statements).toEqual(changed)
  const listed = await collect(identity.listAllPolicies({ compartmentId: oci.tenancyId, name: 'readers', limit: 1 }))
  expect(listed.map(({ id }) => id)).toEqual([policy.id])
  await identity.deletePolicy({ policyId: policy.id, ifMatch: updated.etag })
  await expect(identity.getPolicy({ policyId: policy.id })).rejects.toMatchObject({ statusCode: 404 })
})

test('a compartment is made, found, listed, changed and deleted', async () => {
  const identity = oci.identity()
  const createCompartmentDetails = { compartmentId: oci.tenancyId, name: 'team', description: 'd' }
  const { compartment, etag } = await identity.createCompartment({ createCompartmentDetails })
  expect(compartment).toMatchObject({ ...createCompartmentDetails, lifecycleState: 'ACTIVE', isAccessible: true })
  const { id: compartmentId } = compartment
  const found = await identity.getCompartment({ compartmentId })
  expect(found).toMatchObject({ compartment, etag })
  const updateCompartmentDetails = { name: 'crew' }
  const updated = await identity.updateCompartment({ compartmentId, updateCompartmentDetails, ifMatch: etag })
  expect(updated.compartment).toEqual({ ...compartment, name: 'crew' })
  const listed = await collect(identity.listAllCompartments({ compartmentId: oci.tenancyId, name: 'crew', limit: 1 }))
  expect(listed).toEqual([updated.compartment])
  const { opcWorkRequestId } = await identity.deleteCompartment({ compartmentId, ifMatch: updated.etag })
  expect(opcWorkRequestId).toMatch(/^ocid1\.workrequest\./)
  await oci.cloud.idle()
  const { Deleted } = identityModels.Compartment.LifecycleState
  const waited = await identity.createWaiters().forCompartment({ compartmentId }, Deleted)
  expect(waited).toMatchObject({ compartment: { id: compartmentId, lifecycleState: 'DELETED' } })
})

test('a replica decrypts, also without its source, until it is deleted', async () => {
  await allowReplication(oci)
  const key = await makeKey(oci, vault)
  const encryptDataDetails = { keyId: key.id, plaintext: base64('before') }
  const { ciphertext } = (await crypto().encrypt({ encryptDataDetails })).encryptedData
  const decryptDataDetails = { keyId: key.id, ciphertext }
  const replica = await replicate(oci, vault.id)
  expect((await oci.keys(replica.management).getKey({ keyId: key.id })).key).toMatchObject({ isPrimary: false })
  const found = (await oci.vaults(oci.other).getVault({ vaultId: vault.id })).vault
  expect(found).toMatchObject({ isPrimary: false, cryptoEndpoint: replica.crypto, wrappingkeyId: vault.wrappingkeyId })
  const replicationId = (await keys().getKey({ keyId: key.id })).key.replicaDetails?.replicationId ?? ''
  const { replicationStatusDetails } = await keys().getReplicationStatus({ replicationId })
  expect(replicationStatusDetails.replicaDetails).toMatchObject([{ region: 'us-phoenix-1', status: 'REPLICATED' }])
  const receipt = `${vault.managementEndpoint}/20180608/replicaOperations/${replicationId}/receipt`
  expect((await send(await oci.signed('GET', receipt))).statusCode).toBe(200)
  await oci.cloud.faults.cut(oci.cloud.homeRegion)
  await expect(crypto().decrypt({ decryptDataDetails })).rejects.not.toHaveProperty('statusCode')
  const { decryptedData } = await oci.crypto(replica.crypto).decrypt({ decryptDataDetails })
  expect(decryptedData.plaintext).toBe(base64('before'))
  await oci.cloud.faults.heal()
  const deleteVaultReplicaDetails = { replicaRegion: 'us-phoenix-1' }
  await oci.vaults().deleteVaultReplica({ vaultId: vault.id, deleteVaultReplicaDetails })
  await oci.cloud.idle()
  expect((await oci.vaults().listVaultReplicas({ vaultId: vault.id })).items).toEqual([])
  await expect(oci.crypto(replica.crypto).decrypt({ decryptDataDetails })).rejects.toMatchObject({ statusCode: 404 })
  expect((await crypto().decrypt({ decryptDataDetails })).decryptedData.plaintext).toBe(base64('before'))
})

test('what is scheduled, moved, brought, saved and restored', async () => {
  await restOfALife(oci)
})

test('users, groups and compartments live and go', async () => {
  await identityLife(oci)
})

test('issuers are trusted, and sessions made', async () => {
  await sessionLife(oci)
})

test('the audit has an event of every operation, and of both ends of the replica', async () => {
  const asset = await makeKey(oci, vault, shapes.p256)
  const signDataDetails = {
    keyId: asset.id,
    message: base64('m'),
    signingAlgorithm: models.SignDataDetails.SigningAlgorithm.EcdsaSha256,
  }
  const { signedData } = await crypto().sign({ signDataDetails })
  const verifyDataDetails = {
    keyId: asset.id,
    keyVersionId: signedData.keyVersionId,
    signature: signedData.signature,
    message: base64('m'),
    signingAlgorithm: models.VerifyDataDetails.SigningAlgorithm.EcdsaSha256,
  }
  await crypto().verify({ verifyDataDetails })
  // This client labels local time `Z`; a day either way is wide enough for every zone.
  const day = 86_400_000
  const range = { startTime: new Date(Date.now() - day), endTime: new Date(Date.now() + day) }
  const { items } = await oci.identity().listCompartments({ compartmentId: oci.tenancyId })
  const compartmentIds = [oci.tenancyId, ...items.map(({ id }) => id)]
  const of = async (endpoint: string) => {
    const audit = oci.audit(endpoint)
    const lists = compartmentIds.map((compartmentId) => collect(audit.listAllEvents({ compartmentId, ...range })))
    return (await Promise.all(lists)).flat()
  }
  const everywhere = async () => [...(await of(oci.home)), ...(await of(oci.other))]
  const missing = (listed: Awaited<ReturnType<typeof everywhere>>) => {
    const names = new Set(listed.map(({ data }) => data.eventName))
    return Object.keys(operations).filter((operation) => !names.has(operation))
  }
  let events = await everywhere()
  // The first listing's own event stands a moment after its answer.
  await until(async () => missing((events = await everywhere())).length === 0).catch(() => undefined)
  expect(missing(events)).toEqual([])
  const types = events.map(({ eventType }) => eventType)
  for (const operation of ['CreateVaultReplica', 'DeleteVaultReplica']) {
    for (const end of ['begin', 'end']) {
      expect(types).toContain(`com.oraclecloud.KeyManagementService.${operation}.${end}`)
    }
  }
})
