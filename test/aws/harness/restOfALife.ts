import { constants, publicEncrypt, randomBytes } from 'node:crypto'
import { regionB, type TestCloud } from '../../harness/twoRegions.ts'
import { createReplica, makeKey, makeReplicatedVault, makeVault } from '../../harness/vaultStory.ts'

const day = 86_400_000

/** Deletion, moves, import, export, backup, restore, rotation, metering, compartments and reconciliation. */
export async function restOfALife(cloud: TestCloud & { readonly reconcile?: () => Promise<void> }): Promise<void> {
  const { a, b, tenancyId, call, settle } = cloud
  const vaultId = await makeReplicatedVault(cloud)
  const at = { host: vaultId }
  const post = (target: string, body?: unknown) =>
    call(a, 'POST', target, body, target.includes('/vaults') || target.includes('/compartments') ? {} : at)
  const vault = `/20180608/vaults/${vaultId}`
  const inDays = (days: number) => ({ timeOfDeletion: new Date(cloud.clock.now + days * day).toISOString() })
  const wrapping = await call(a, 'GET', '/20180608/wrappingKeys', undefined, at)
  const publicKey = String(wrapping.body['publicKey'])
  const padding = constants.RSA_PKCS1_OAEP_PADDING
  const keyMaterial = publicEncrypt({ key: publicKey, padding, oaepHash: 'sha256' }, randomBytes(32)).toString('base64')
  const wrappedImportKey = { keyMaterial, wrappingAlgorithm: 'RSA_OAEP_SHA256' }
  const details = { compartmentId: tenancyId, displayName: 'k', keyShape: { algorithm: 'AES', length: 32 } }
  const brought = await post('/20180608/keys/import', { ...details, wrappedImportKey, protectionMode: 'SOFTWARE' })
  await post(`/20180608/keys/${String(brought.body['id'])}/keyVersions/import`, { wrappedImportKey })
  await post('/20180608/exportKey', { keyId: brought.body['id'], algorithm: 'RSA_OAEP_SHA256', publicKey })
  const rotation = { isAutoRotationEnabled: true, autoKeyRotationDetails: { rotationIntervalInDays: 60 } }
  const rotating = await post('/20180608/keys', { ...details, ...rotation })
  await call(
    a,
    'PUT',
    `/20180608/keys/${String(rotating.body['id'])}`,
    { autoKeyRotationDetails: { rotationIntervalInDays: 70 } },
    at,
  )
  const key = await makeKey(cloud, vaultId)
  const path = `/20180608/keys/${String(key.body['id'])}`
  await post(`${path}/keyVersions`, {})
  const version = `${path}/keyVersions/${String(key.body['currentKeyVersion'])}/actions`
  await post(`${version}/scheduleDeletion`, inDays(9))
  await post(`${version}/cancelDeletion`)
  await post(`${version}/scheduleDeletion`, inDays(7))
  const made = await call(a, 'POST', '/20160918/compartments', {
    compartmentId: tenancyId,
    name: 'c',
    description: 'd',
  })
  const compartmentId = String(made.body['id'])
  await settle()
  for (const to of [compartmentId, tenancyId, compartmentId]) {
    await post(`${path}/actions/changeCompartment`, { compartmentId: to })
    await post(`${vault}/actions/changeCompartment`, { compartmentId: to })
  }
  const inside = { ...details, compartmentId }
  await post('/20180608/keys', inside)
  await call(a, 'POST', '/20180608/vaults', { compartmentId, displayName: 'v', vaultType: 'DEFAULT' })
  await call(a, 'GET', `/20160918/compartments/${compartmentId}`)
  await call(a, 'GET', `/20160918/compartments?compartmentId=${tenancyId}`)
  await call(a, 'PUT', `/20160918/compartments/${compartmentId}`, { description: 'x' })
  await call(a, 'DELETE', `/20160918/compartments/${compartmentId}`)
  // Before the stream has seen the vault.
  await call(a, 'GET', '/20180608/wrappingKeys', undefined, { host: await makeVault(cloud) })
  const empty = await call(a, 'POST', '/20160918/compartments', {
    compartmentId: tenancyId,
    name: 'e',
    description: 'd',
  })
  await settle()
  await call(a, 'DELETE', `/20160918/compartments/${String(empty.body['id'])}`)
  await settle()
  const place = (objectName: string) => ({
    backupLocation: { destination: 'BUCKET', namespace: 'n', bucketName: 'b', objectName },
  })
  await post(`${vault}/actions/backup`, { ...place('vault'), isIncludeKeys: true })
  await post(`${path}/actions/backup`, place('key'))
  await call(a, 'GET', `${vault}/usage`)
  await call(a, 'GET', '/20180608/usage/keyVersions?from=2026-01-01&to=2026-01-02')
  cloud.clock.now += 8 * day
  await cloud.runDue()
  await post('/20180608/keys/actions/restoreFromObjectStore', place('key'))
  await post(`${path}/actions/scheduleDeletion`, inDays(8))
  await post(`${path}/actions/cancelDeletion`)
  await post(`${path}/actions/scheduleDeletion`, inDays(8))
  // Long enough for the rotation too.
  cloud.clock.now += 65 * day
  await cloud.runDue()
  await settle()
  await cloud.reconcile?.()
  await post(`${vault}/actions/scheduleDeletion`, inDays(8))
  await post(`${vault}/actions/cancelDeletion`)
  await post(`${vault}/actions/scheduleDeletion`, inDays(8))
  await settle()
  cloud.clock.now += 9 * day
  await cloud.runDue()
  await settle()
  const restore = '/20180608/vaults/actions/restoreFromObjectStore?compartmentId='
  for (const region of [a, b]) await call(region, 'POST', restore + tenancyId, place('vault'))
  // What is left of the replica that went with the vault goes first.
  await settle()
  await createReplica(cloud, vaultId)
  await settle()
  // A key that is lost on its way, a key left open by a crash, and a vault whose replica cannot be reached.
  cloud.link.isUp = false
  await makeKey(cloud, vaultId)
  await createReplica(cloud, await makeVault(cloud), regionB)
  await cloud.reconcile?.()
  cloud.link.isUp = true
  await cloud.reconcile?.()
  await settle()
}
