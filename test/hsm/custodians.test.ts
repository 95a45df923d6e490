import { copyFileSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { verifyAudit } from '../../local/audit/verifyAudit.ts'
import { askService } from '../../local/control/askService.ts'
import { initSimulatedCustodians, initTokensWithCustodians } from '../../local/hsm/initCustodians.ts'
import { initTokens } from '../../local/hsm/initTokens.ts'
import { migrateRegion } from '../../local/hsm/migrateRegion.ts'
import { operatorEvents } from '../local/operatorEvents.ts'
import { replicate } from '../local/vaultSteps.ts'
import { eu, labelsOf, Place, regions, us } from './custodiansPlace.ts'
import { describeWithToken } from './softHsm.ts'

describeWithToken('a cloud with custodians', () => {
  let place: Place

  beforeEach(() => {
    place = new Place()
  })

  afterEach(() => place.gone())

  test('two of three bring a region into new tokens, where old ciphertexts decrypt and all goes on', async () => {
    await initTokensWithCustodians(place.tokens(), place.ceremony())
    await place.start()
    const [virtual, own] = [await place.makes('DEFAULT'), await place.makes('VIRTUAL_PRIVATE')]
    const old = await place.backUp('old.backup')
    // A rotated root has its copy, too.
    expect(await askService(place.data, 'rotate-root -')).toContain(
      `older backups no longer restore, take new ones now:; npm run hsm -- backup FILE --data ${place.data} --region ${eu}`,
    )
    const file = await place.backUp('new.backup')
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
    expect(operatorEvents(place.data, eu)).toMatchObject([['RestoreHsm', { asOf: expect.any(String) as string }]])
    await place.start()
    for (const each of [virtual, own]) await place.opens(each)
    // What is made in the new tokens, in both of its kinds, and a replica of what is old.
    await place.opens(await place.makes('VIRTUAL_PRIVATE'))
    await replicate(place.caller, place.origin(eu), virtual.vault, us)
    await place.cloud?.idle()
    await place.opens(virtual, us)

    // From there it is backed up again; the next time its state is lost as well.
    const again = await place.backUp('again.backup')
    await place.stop()
    place.losesTokens(eu)
    for (const name of [`${eu}.json`, 'recovery.json']) rmSync(join(place.data, 'hsm', name))
    await place.restore(again, [place.share(2), place.share(3)])
    await place.start()
    for (const each of [virtual, own]) await place.opens(each)
  })

  test('a simulated cloud chooses custodians, is restored by them, and moves into tokens of theirs', async () => {
    await expect(initSimulatedCustodians(regions, place.ceremony())).rejects.toThrow('start it once before')
    await place.start(false)
    const made = await place.makes('DEFAULT')
    await place.stop()
    await initSimulatedCustodians(regions, place.ceremony())
    const file = await place.backUp('eu.backup')
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
    await place.opens(made)
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
