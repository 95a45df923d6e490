import { backupKeyOperation } from '../../handlers/keys/backupKey.ts'
import { restoreKeyFromObjectStoreOperation } from '../../handlers/keys/restoreKeyFromObjectStore.ts'
import { backupVaultOperation } from '../../handlers/keys/backupVault.ts'
import { restoreVaultFromObjectStoreOperation } from '../../handlers/keys/restoreVaultFromObjectStore.ts'
import { keySk, vaultSk, versionSk, type KeyVersionRow } from '../../lib/kms/rows/rows.ts'
import { materialIdOf } from '../../lib/ocid.ts'
import { note } from './acknowledge.ts'
import { bodyOf, textOf } from './client.ts'
import { minute } from './faults.ts'
import { compartmentOf, type Scene } from './keySteps.ts'
import { Violation } from './violation.ts'
import type { KnownVault, Promised, Saved, World } from './world.ts'

/** What a caller saves to the bucket, and brings back in either region. */
export const backupSteps = {
  saveVault: async ({ client, vault, token }) => {
    const objectName = client.newToken()
    const input = { backupLocation: placeOf(objectName), isIncludeKeys: true }
    const parameters = { vaultId: vault.id }
    const before = inUse(client.world, vault)
    const answer = await client.ask({ operation: backupVaultOperation, parameters, input, token })
    const promised = inUse(client.world, vault).filter(({ mac }) => before.some((each) => each.mac === mac))
    if (answer !== undefined) client.world.saved.push({ vault, keyId: undefined, objectName, promised })
  },
  saveKey: async ({ client, vault, key, token }) => {
    if (key === undefined) return
    const objectName = client.newToken()
    const input = { backupLocation: placeOf(objectName) }
    const parameters = { keyId: key.id }
    const answer = await client.ask({ operation: backupKeyOperation, vaultId: vault.id, parameters, input, token })
    if (answer !== undefined) client.world.saved.push({ vault, keyId: key.id, objectName, promised: [] })
  },
  restoreVault: async (scene) => {
    const saved = savedBy(scene, (each) => each.keyId === undefined)
    if (saved === undefined) return
    // In its own region it comes back as itself.
    scene.client.world.history.mayReturn(saved.vault.id)
    const answer = await askRestore(scene, saved, 'a')
    if (answer !== undefined) note(scene.client, 'RestoreVault', saved.vault.id, answer)
  },
  restoreElsewhere: async (scene) => {
    const { client } = scene
    const saved = savedBy(scene, (each) => each.keyId === undefined)
    if (saved === undefined) return
    // The tenancy's backup keys are on their way at first.
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const id = textOf(bodyOf(await askRestore(scene, saved, 'b')), 'id')
      if (id === saved.vault.id) throw new Violation(`${id} was restored elsewhere under its own OCID.`)
      if (id === undefined) await client.world.pause(300)
      else {
        client.world.elsewhere.push({ id, saved })
        return
      }
    }
  },
  restoreKey: async (scene) => {
    const { client, token } = scene
    const saved = savedBy(scene, (each) => each.keyId !== undefined)
    if (saved?.keyId === undefined) return
    client.world.history.mayReturn(saved.keyId)
    const input = { backupLocation: placeOf(saved.objectName) }
    const ask = { operation: restoreKeyFromObjectStoreOperation, vaultId: saved.vault.id, input, token }
    const answer = await client.ask(ask)
    if (answer !== undefined) note(client, 'RestoreKey', saved.vault.id, answer)
  },
  /** What falls due in ten days does. */
  waitDays: async ({ client: { world } }) => {
    world.scheduler.now += 10 * 86_400_000
    world.haveTokensExpired = true
    for (const region of [world.a, world.b]) void minute(world, region)
    await world.pause(2_000)
  },
} as const satisfies Record<string, (scene: Scene) => Promise<void>>

/** The ciphertexts of the vault that a backup at this moment would open, each with the MAC of its version's row. */
function inUse({ a: { tables }, ciphertexts }: World, vault: KnownVault): readonly Promised[] {
  if (tables.get('Vaults', vault.id, vaultSk)?.['lifecycleState'] !== 'ACTIVE') return []
  return ciphertexts.flatMap((each) => {
    const key = tables.get('Keys', each.keyId, keySk)
    const version = tables.get('Keys', each.keyId, versionSk(materialIdOf(each.versionId) ?? ''))
    const isSaved = key?.['lifecycleState'] === 'ENABLED' && key['protectionMode'] === 'HSM'
    if (each.vault.id !== vault.id || !isSaved || version?.['lifecycleState'] !== 'ENABLED') return []
    return [{ ...each, mac: (version as unknown as KeyVersionRow).mac }]
  })
}

function askRestore(scene: Scene, { objectName }: Saved, region: 'a' | 'b') {
  const { client, token } = scene
  const input = { backupLocation: placeOf(objectName) }
  const query = { compartmentId: compartmentOf(scene) }
  const of = token === undefined ? {} : { token: `${token}-${region}` }
  return client.ask({ operation: restoreVaultFromObjectStoreOperation, query, input, region, ...of })
}

function placeOf(objectName: string) {
  return { destination: 'BUCKET', namespace: 'simulated', bucketName: 'backups', objectName } as const
}

function savedBy({ client, n }: Scene, isWanted: (saved: Saved) => boolean): Saved | undefined {
  const own = client.world.saved.filter((each) => each.vault.tenancy.id === client.tenancy.id && isWanted(each))
  return own[n % Math.max(1, own.length)]
}
