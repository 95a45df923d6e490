import { placeOf } from './backupStory.ts'
import { home, other } from './deployment.ts'
import { inDays, type PrivateVault } from './deletionStory.ts'
import { text, until, type Endpoints, type Secret, type Stage } from './stage.ts'

/**
 * What falls due. A deletion's shortest time is a week, so the one function that looks at times, `schedule` in the
 * vaults' primary region, is run with its machine's clock set eight days ahead (shiftedClock.ts); all others keep the
 * true time. EventBridge, as the emulator has it, calls the function by itself.
 */
export function dueStory(
  stage: Stage,
  vaults: () => { readonly lasting: PrivateVault; readonly ending: PrivateVault },
): void {
  let doomed: Secret
  let rotatingId: string
  let restingId: string
  const versionsOf = async (at: Endpoints, keyId: string) => (await stage.keys(at).listKeyVersions({ keyId })).items

  test('what is not due is left alone by the function that EventBridge calls', async () => {
    const { lasting, ending } = vaults()
    const rotating = (daysAgo: number) => ({
      isAutoRotationEnabled: true,
      autoKeyRotationDetails: { rotationIntervalInDays: 60, timeOfScheduleStart: inDays(-daysAgo) },
    })
    doomed = await stage.encrypt(lasting.vault, (await stage.makeKey(lasting.vault, 'doomed')).id)
    const { keyId } = doomed
    const backupKeyDetails = { backupLocation: placeOf('keys/doomed.json') }
    await stage.keys(lasting.vault).backupKey({ keyId, backupKeyDetails })
    rotatingId = (await stage.makeKey(lasting.vault, 'rotating in 5 days', rotating(55))).id
    restingId = (await stage.makeKey(lasting.vault, 'rotating in 20 days', rotating(40))).id
    const scheduleKeyDeletionDetails = { timeOfDeletion: inDays(7.5) }
    await stage.keys(lasting.vault).scheduleKeyDeletion({ keyId, scheduleKeyDeletionDetails })
    const scheduleVaultDeletionDetails = { timeOfDeletion: inDays(7.5) }
    await stage.vaults().scheduleVaultDeletion({ vaultId: ending.vault.id, scheduleVaultDeletionDetails })
    const before = await stage.deployment.aws.reminders(home)
    expect(before).toHaveLength(4)
    await stage.deployment.aws.invoke(home, 'schedule')
    expect(await stage.deployment.aws.reminders(home)).toEqual(before)
    expect(await stage.keyState(lasting.vault, keyId)).toBe('PENDING_DELETION')
    expect(await versionsOf(lasting.vault, rotatingId)).toHaveLength(1)
  })

  test('eight days later a key and a vault are gone in both regions, and a key has rotated in both', async () => {
    const { lasting, ending } = vaults()
    const { id: vaultId } = ending.vault
    const setRight = await stage.deployment.aws.setAhead(home, 'schedule', 8)
    try {
      for (const at of [lasting.vault, lasting.replica]) {
        await until(async () => (await stage.keyState(at, doomed.keyId)) === 'DELETED')
        await until(async () => (await versionsOf(at, rotatingId)).length === 2)
        expect((await versionsOf(at, rotatingId)).map(({ isAutoRotated }) => isAutoRotated)).toEqual([true, false])
      }
      for (const region of [home, other]) {
        await until(async () => (await stage.vaultState(region, vaultId)) === 'DELETED')
      }
    } finally {
      await setRight()
    }
    for (const at of [ending.vault, ending.replica]) {
      await until(async () => (await stage.keyState(at, ending.secret.keyId)) === 'DELETED')
      // A crypto function may know the key as it was a second ago.
      await until(async () => !(await stage.opens(at, ending.secret)))
      await expect(stage.decrypt(at, ending.secret)).rejects.toMatchObject({ statusCode: 404 })
    }
    const { key } = await stage.keys(lasting.vault).getKey({ keyId: rotatingId })
    expect(key.autoKeyRotationDetails?.lastRotationStatus).toBe('SUCCESS')
  })

  test('a key that is gone comes back from its own backup, in both regions', async () => {
    const { vault, replica } = vaults().lasting
    const restoreKeyFromObjectStoreDetails = { backupLocation: placeOf('keys/doomed.json') }
    const { key } = await stage.keys(vault).restoreKeyFromObjectStore({ restoreKeyFromObjectStoreDetails })
    expect(key).toMatchObject({ id: doomed.keyId, lifecycleState: 'ENABLED' })
    for (const at of [vault, replica]) {
      await until(() => stage.opens(at, doomed))
      expect(await stage.decrypt(at, doomed)).toBe(text)
    }
  })

  test('what was cancelled, or is due later, is as it was', async () => {
    const { vault, replica, secret } = vaults().lasting
    for (const at of [vault, replica]) {
      expect(await stage.decrypt(at, secret)).toBe(text)
      expect(await versionsOf(at, restingId)).toHaveLength(1)
      expect(await stage.keyState(at, restingId)).toBe('ENABLED')
    }
    const left = await stage.deployment.aws.reminders(home)
    expect(left).toHaveLength(2)
    expect(left.map((reminder) => [rotatingId, restingId].filter((id) => reminder.includes(id)).length)).toEqual([1, 1])
  })
}
