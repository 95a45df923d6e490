import { copyFileSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { verifyAudit } from '../../local/audit/verifyAudit.ts'
import { askService } from '../../local/control/askService.ts'
import { initSimulatedCustodians, initTokensWithCustodians } from '../../local/hsm/initCustodians.ts'
import { initTokens } from '../../local/hsm/initTokens.ts'
import { migrateRegion } from '../../local/hsm/migrateRegion.ts'
import { operatorEvents } from '../local/operatorEvents.ts'
import { replicate } from '../local/vaultSteps.ts'
import type { CloudStatus } from '../../local/status/cloudStatus.ts'
import { CKO } from '../../lib/hsm/pkcs11/library/constants.ts'
import { destroyVaultObjects, labelled } from '../../lib/hsm/pkcs11/roots/regionObjects.ts'
import { partitionToken } from '../../lib/hsm/pkcs11/roots/regionToken.ts'
import { openPatient } from '../../local/doctor/patient.ts'
import { tokensCheck } from '../../local/doctor/tokensCheck.ts'
import { simulatedStatus } from '../../local/hsm/simulatedStatus.ts'
import { eu, labelsOf, Place, regions, us } from './tokens/custodiansPlace.ts'
import { describeWithToken, pins, softHsm } from './tokens/softHsm.ts'

const noBackup = (region: string) =>
  `^${region}: no backup of its HSM was made for its custodians \\(hsm backup\\): .* → "Take one now: .*hsm -- backup FILE --data .* --region ${region}"$`

describeWithToken('a cloud with custodians', () => {
  let place: Place

  beforeEach(() => {
    place = new Place()
  })

  afterEach(() => place.gone())

  test('two of three bring a region into new tokens, where old ciphertexts decrypt and all goes on', async () => {
    await initTokensWithCustodians(place.tokens(), place.ceremony())
    await place.start()
    expect(place.warned).toEqual(regions.map((region) => expect.stringMatching(noBackup(region)) as string))
    const [virtual, own] = [await place.makes('DEFAULT'), await place.makes('VIRTUAL_PRIVATE')]
    const old = await place.backUp('old.backup')
    expect(await place.custody()).toEqual([])
    // A rotated root has its copy, too.
    expect(await askService(place.data, 'rotate-root -')).toContain(
      `older backups no longer restore, take new ones now:; npm run hsm -- backup FILE --data ${place.data} --region ${eu}`,
    )
    expect(await place.custody()).toEqual(['backupIsDue'])
    const state = async () => JSON.parse(await askService(place.data, 'state')) as CloudStatus
    expect((await state()).regions).toMatchObject([
      { status: 'ok', custody: [{ kind: 'backupIsDue' }] },
      { status: 'ok', custody: [{ kind: 'backupIsDue' }] },
    ])
    const file = await place.backUp('new.backup')
    expect((await state()).regions[0]).not.toHaveProperty('custody')
    await place.stop()
    place.losesTokens(eu)
    await expect(place.start()).rejects.toThrow('No token in')
    await expect(place.restore(old)).rejects.toThrow('The root of eu-test-1 was rotated since this backup')
    expect(labelsOf(place).filter((label) => label.includes(eu))).toEqual([])
    expect(await place.restore(file)).toEqual(
      expect.arrayContaining([expect.stringContaining(`${place.label} ${eu} #2  made, with its keys`)]),
    )
    const [report] = (await verifyAudit([place.data], { now: Date.now() })).reports
    expect(report).toMatchObject({ region: eu, findings: [] })
    expect(operatorEvents(place.data, eu).filter(([act]) => act !== 'SetSoftwareReplicas')).toMatchObject([
      ['RestoreHsm', { asOf: expect.any(String) as string }],
    ])
    await place.start()
    expect(place.warned).toEqual([expect.stringMatching(noBackup(us)) as string])
    for (const each of [virtual, own]) await place.opens(each)
    // What is made in the new tokens, in both of its kinds, and a replica of what is old.
    await place.opens(await place.makes('VIRTUAL_PRIVATE'))
    await replicate(place.caller, place.origin(eu), virtual.vault, us)
    await place.cloud?.idle()
    await place.opens(virtual, us)

    // A vault that is in a token which the backup has makes none due.
    expect(await place.custody()).toEqual([])
    // From there it is backed up again; the next time its state is lost as well, and the other region's tokens.
    const [again, there] = [await place.backUp('again.backup'), await place.backUp('there.backup', us)]
    await place.stop()
    for (const region of regions) place.losesTokens(region)
    const examined = await tokensCheck(await openPatient(place.data), { HSM: 'pkcs11', ...place.environment })
    expect(examined[0]?.says).not.toContain('state of the regions')
    for (const name of [`${eu}.json`, 'recovery.json']) rmSync(join(place.data, 'hsm', name))
    expect((await place.restore(again, [place.share(2), place.share(3)])).at(-1)).toBe(
      `  next, before the start: npm run hsm -- restore BACKUP --data ${place.data} … for ${us}, whose tokens are missing`,
    )
    expect((await place.restore(there)).at(-1)).toContain('start it with HSM=pkcs11')
    await place.start()
    for (const each of [virtual, own]) await place.opens(each)
  })

  test('a start, status, healthz and doctor name the token from which the custodians’ key is gone, and what helps', async () => {
    await initTokensWithCustodians(place.tokens(1), place.ceremony())
    await place.start()
    for (const region of regions) await place.backUp(region, region)
    await place.stop()
    await place.start()
    expect(place.warned).toEqual([])
    await place.stop()
    const token = `${place.label} ${eu} #1`
    place.deletes(token, 'vaultspan recovery')
    await place.start()
    expect(place.warned).toEqual([
      expect.stringMatching(
        `^${eu}: token ${token}: the custodians’ key is gone from it: .* → .*security officer puts the key back, .*hsm init`,
      ) as string,
    ])
    const { parts } = place.cloud ?? { parts: [] }
    expect(await parts[0]?.health()).toMatchObject({ status: 'degraded', withoutCustodians: [token] })
    expect(await parts[1]?.health()).not.toHaveProperty('withoutCustodians')
    const found = { region: eu, status: 'degraded', custody: [{ kind: 'keyIsGone', token }] }
    const state = JSON.parse(await askService(place.data, 'state')) as CloudStatus
    expect(state.regions[0]).toMatchObject(found)
    await place.stop()
    expect(await place.custody()).toEqual([`keyIsGone ${token}`])
    const environment = { HSM: 'pkcs11', ...place.environment }
    const examined = await tokensCheck(await openPatient(place.data), environment)
    expect(examined).toContainEqual({
      level: 'fail',
      says: expect.stringContaining(`${eu}: token ${token}: the custodians’ key is gone`) as string,
      remedy: expect.stringContaining('hsm init --so-pin-file') as string,
    })
    // The officer puts it back; a token whose copies are gone too would not be taken for one that never had any.
    initTokens(place.tokens(1))
    expect(await place.custody()).toEqual([])
    place.deletes(token, 'vaultspan recovery')
    place.deletes(token, 'vaultspan copy: ')
    expect(await place.custody()).toEqual([`hasNoCopies ${token}`])
  })

  test('new tokens make a backup due, and a spent one does not', async () => {
    await initTokensWithCustodians(place.tokens(1), place.ceremony())
    expect(await place.custody()).toEqual([])
    place.wasStarted()
    expect(await place.custody()).toEqual(['backupIsDue'])
    await place.backUp('one.backup')
    expect(await place.custody()).toEqual([])
    expect(initTokens(place.tokens(2)).at(-1)).toMatch(/^ {2}the custodians’ backups do not have what was made now/)
    expect(await place.custody()).toEqual(['backupIsDue'])
    await place.backUp('two.backup')
    expect(await place.custody()).toEqual([])
    expect(initTokens(place.tokens(2)).at(-1)).toMatch(/^ {2}recovery key /)
    // Spent: what was in it is gone, and nothing came.
    partitionToken({ module: softHsm(), label: `${place.label} ${eu} #2`, pin: () => pins.pin }).bare((session) => {
      const [key = 0] = session.find(labelled(CKO.PUBLIC_KEY, 'vaultspan recovery'))
      destroyVaultObjects(session, [key])
    })
    expect(await place.custody()).toEqual([])
  })

  test('a simulated cloud chooses custodians, is restored by them, and moves into tokens of theirs', async () => {
    await expect(initSimulatedCustodians(regions, place.ceremony())).rejects.toThrow(
      `There is no region ${eu} in ${place.data} yet; there is none. A new one is to be started once before.`,
    )
    await place.start(false)
    const made = await place.makes('DEFAULT')
    await place.stop()
    await initSimulatedCustodians(regions, place.ceremony())
    expect(simulatedStatus(place.data, [eu])).toEqual([
      `  ${eu}  simulated: its roots are in a file`,
      expect.stringContaining('no backup of its HSM was made for its custodians') as string,
    ])
    const file = await place.backUp('eu.backup')
    expect(simulatedStatus(place.data, [eu])).toHaveLength(1)
    expect(await tokensCheck(await openPatient(place.data), {})).toEqual([
      {
        level: 'warn',
        says: expect.stringContaining(`${us}: no backup`) as string,
        remedy: expect.anything() as string,
      },
    ])
    const state = join(place.data, 'hsm', `${eu}.json`)
    const { root } = JSON.parse(readFileSync(state, 'utf8')) as { readonly root: string }
    expect(readFileSync(file, 'utf8')).not.toContain(root)
    const kept = readFileSync(state, 'utf8')
    copyFileSync(join(place.data, 'hsm', `${us}.json`), state)
    await expect(place.restore(file)).rejects.toThrow('is there, and is not what the backup has')
    rmSync(state)
    await place.restore(file)
    expect(readFileSync(state, 'utf8')).toBe(kept)
    await place.start(false)
    expect(place.warned).toEqual([expect.stringMatching(noBackup(us)) as string])
    await place.opens(made)
    await askService(place.data, `rotate-root ${eu}`)
    expect(simulatedStatus(place.data, [eu])[1]).toContain('lacks keys that came since')
    await place.stop()

    initTokens(place.tokens(0))
    for (const region of regions) await migrateRegion(place.data, region, place.settings())
    const inToken = await place.backUp('token.backup')
    place.losesTokens(eu)
    await place.restore(inToken)
    await place.start()
    await place.opens(made)
  })
})
