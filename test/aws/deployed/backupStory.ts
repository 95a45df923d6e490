import { home, other } from './deployment.ts'
import type { PrivateVault } from './deletionStory.ts'
import type { Stage } from './stage.ts'

/** A place in the bucket of backups. */
export function placeOf(objectName: string) {
  return { destination: 'BUCKET', namespace: 'ns', bucketName: 'safe', objectName }
}

/** Backups in the bucket of all regions, and what stands in the way of restoring them. */
export function backupStory(stage: Stage, vaults: () => { readonly ending: PrivateVault }): void {
  const restore = (region: string, objectName: string) =>
    stage.vaults(region).restoreVaultFromObjectStore({
      compartmentId: stage.tenancyId,
      restoreVaultFromObjectStoreDetails: { backupLocation: placeOf(objectName) },
    })

  test('a vault is backed up to the bucket, below its tenancy; a second backup is a second version', async () => {
    const { vault } = vaults().ending
    const backupVaultDetails = { backupLocation: placeOf('vault.json'), isIncludeKeys: true }
    for (let times = 0; times < 2; times += 1) {
      const { opcWorkRequestId } = await stage.vaults().backupVault({ vaultId: vault.id, backupVaultDetails })
      expect(opcWorkRequestId).toMatch(/^ocid1\./)
    }
    const path = `${stage.tenancyId}/ns/safe/vault.json`
    expect(await stage.deployment.aws.backups()).toEqual([path, path])
  })

  test('a vault is not restored where it stands, as source or as replica', async () => {
    for (const region of [home, other]) {
      await expect(restore(region, 'vault.json')).rejects.toMatchObject({ statusCode: 409, serviceCode: 'Conflict' })
    }
  })

  test('where there is no backup, both regions say so and nothing else', async () => {
    for (const region of [home, other]) {
      await expect(restore(region, 'vault')).rejects.toMatchObject({
        statusCode: 400,
        serviceCode: 'InvalidParameter',
        message: 'There is no backup at this backupLocation.',
      })
    }
  })
}
