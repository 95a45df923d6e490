import { models } from 'oci-keymanagement'
import { home, other } from './deployment.ts'
import { text, until, type Endpoints, type Secret, type Stage } from './stage.ts'

const day = 86_400_000

export function inDays(days: number): Date {
  return new Date(Date.now() + days * day)
}

/** A private vault with a replica, and a key in it whose ciphertext opens in both. */
export interface PrivateVault {
  readonly vault: models.Vault
  readonly replica: Endpoints
  readonly secret: Secret
}

/** Deletions that are scheduled and thought better of. Gives two private vaults: one that lasts and one that will end. */
export function deletionStory(stage: Stage): () => { readonly lasting: PrivateVault; readonly ending: PrivateVault } {
  let lasting: PrivateVault
  let ending: PrivateVault

  const make = async (displayName: string): Promise<PrivateVault> => {
    const vault = await stage.makeVault(displayName, models.CreateVaultDetails.VaultType.VirtualPrivate)
    const secret = await stage.encrypt(vault, (await stage.makeKey(vault, 'kept')).id)
    return { vault, replica: await stage.replicate(vault), secret }
  }
  const isKey = (at: Endpoints, keyId: string, state: string) => async () => (await stage.keyState(at, keyId)) === state
  const isVault = (region: string, vaultId: string, state: string) => async () =>
    (await stage.vaultState(region, vaultId)) === state
  const refused = { statusCode: 409, serviceCode: 'IncorrectState' }

  test('makes two private vaults, which have replicas', async () => {
    lasting = await make('lasting')
    ending = await make('ending')
    for (const { replica, secret } of [lasting, ending]) expect(await stage.decrypt(replica, secret)).toBe(text)
  })

  test('a key that is scheduled for deletion does nothing in either region, and comes back in both', async () => {
    const { vault, replica, secret } = lasting
    const { keyId } = secret
    const scheduleKeyDeletionDetails = { timeOfDeletion: inDays(8) }
    const { key } = await stage.keys(vault).scheduleKeyDeletion({ keyId, scheduleKeyDeletionDetails })
    expect(key.lifecycleState).toBe('PENDING_DELETION')
    await until(isKey(replica, keyId, 'PENDING_DELETION'))
    expect((await stage.keys(replica).getKey({ keyId })).key.timeOfDeletion).toEqual(key.timeOfDeletion)
    // A cache may be a second old.
    for (const at of [vault, replica]) await until(async () => !(await stage.opens(at, secret)))
    for (const at of [vault, replica]) await expect(stage.decrypt(at, secret)).rejects.toMatchObject(refused)
    await stage.keys(vault).cancelKeyDeletion({ keyId })
    await until(isKey(replica, keyId, 'ENABLED'))
    for (const at of [vault, replica]) await until(() => stage.opens(at, secret))
    for (const at of [vault, replica]) expect(await stage.decrypt(at, secret)).toBe(text)
  })

  test('a vault that is scheduled for deletion takes its keys along in both regions, and gives them back', async () => {
    const { vault, replica, secret } = lasting
    const { id: vaultId } = vault
    const { keyId } = secret
    const scheduleVaultDeletionDetails = { timeOfDeletion: inDays(8) }
    await stage.vaults().scheduleVaultDeletion({ vaultId, scheduleVaultDeletionDetails })
    for (const region of [home, other]) await until(isVault(region, vaultId, 'PENDING_DELETION'))
    for (const at of [vault, replica]) {
      await until(isKey(at, keyId, 'PENDING_DELETION'))
      await until(async () => !(await stage.opens(at, secret)))
      await expect(stage.decrypt(at, secret)).rejects.toMatchObject(refused)
    }
    await stage.vaults().cancelVaultDeletion({ vaultId })
    for (const region of [home, other]) await until(isVault(region, vaultId, 'ACTIVE'))
    for (const at of [vault, replica]) {
      await until(isKey(at, keyId, 'ENABLED'))
      await until(() => stage.opens(at, secret))
      expect(await stage.decrypt(at, secret)).toBe(text)
    }
  })

  return () => ({ lasting, ending })
}
