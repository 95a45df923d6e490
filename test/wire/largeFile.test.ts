import { Readable } from 'node:stream'
import { maxBodyBytes } from '../../lib/http/wireRequest.ts'
import { makeKey, makeVault, ociCloud, shapes, type OciCloud } from './ociCloud.ts'

let oci: OciCloud
beforeAll(async () => {
  oci = await ociCloud()
})
afterAll(() => oci.close())

test('a backup larger than a JSON body may be is restored from its file, over the socket', async () => {
  const vault = await makeVault(oci, 'large')
  // Outside ASCII every letter of a tag takes six bytes of the file.
  const tags = Object.fromEntries(Array.from({ length: 64 }, (_, index) => [`t${index}`, 'ü'.repeat(256)]))
  const key = await makeKey(oci, vault, shapes.aes256, { definedTags: { space: tags } })
  const backupLocation = { destination: 'BUCKET', namespace: 'n', bucketName: 'b', objectName: 'large' }
  await oci.keys(vault.managementEndpoint).backupKey({ keyId: key.id, backupKeyDetails: { backupLocation } })
  const file = (await oci.cloud.parts[0]?.runtime.backups.read(oci.tenancyId, backupLocation as never)) ?? ''
  expect(file.length).toBeGreaterThan(maxBodyBytes)
  const restored = await oci.keys(vault.managementEndpoint).restoreKeyFromFile({
    contentLength: file.length,
    restoreKeyFromFileDetails: Readable.from([Buffer.from(file)]) as never,
  })
  expect(restored.key.id).toBe(key.id)
})
