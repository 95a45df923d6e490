import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { initialize } from '../../lib/hsm/pkcs11/ceremony/initialize.ts'
import { askService } from '../../local/control/askService.ts'
import { CKA, CKO } from '../../lib/hsm/pkcs11/library/constants.ts'
import { partitionToken } from '../../lib/hsm/pkcs11/roots/regionToken.ts'
import { markAs } from '../../lib/hsm/pkcs11/roots/vaultMarker.ts'
import type { CloudStatus } from '../../local/status/cloudStatus.ts'
import { initTokensWithCustodians } from '../../local/hsm/initCustodians.ts'
import { initTokens } from '../../local/hsm/initTokens.ts'
import { rotateRoot } from '../../local/hsm/rotateRoot.ts'
import { messageOf } from '../../lib/userError.ts'
import { operatorEvents } from '../local/operatorEvents.ts'
import { eu, labelsOf, name, Place } from './tokens/custodiansPlace.ts'
import { describeWithToken, pins, softHsm } from './tokens/softHsm.ts'

describeWithToken('a backup that the region would not start from', () => {
  let place: Place

  beforeEach(async () => {
    place = new Place()
    await initTokensWithCustodians({ ...place.tokens(0), regions: [eu] }, place.ceremony())
  })

  afterEach(() => place.gone())

  test('is not made before the first start', async () => {
    await expect(place.backUp('eu.backup')).rejects.toThrow(
      'eu-test-1 was not started yet, so that its tenancy has no root: start it once, then back it up.',
    )
    place.wasStarted()
    await place.backUp('eu.backup')
  })

  test('is not restored where a tenancy came since, before anything is made', async () => {
    place.wasStarted()
    const old = await place.backUp('old.backup')
    place.wasStarted(eu, 'ocid1.tenancy.oc1..second')
    const file = await place.backUp('eu.backup')
    place.losesTokens(eu)
    await expect(place.restore(old)).rejects.toThrow(
      'The backup is older than the tenancy ocid1.tenancy.oc1..second, whose root lay in the token of eu-test-1',
    )
    expect(labelsOf(place)).toEqual([])
    await place.restore(file)
  })

  test('is not restored where a private vault has a token that came since', async () => {
    place.wasStarted()
    const file = await place.backUp('eu.backup')
    const state = join(place.data, 'hsm', `${eu}.json`)
    const kept = readFileSync(state, 'utf8')
    const partitions = { [`${place.label} ${eu} #1`]: { phase: 'taken' } }
    writeFileSync(state, JSON.stringify({ ...(JSON.parse(kept) as object), partitions }))
    place.losesTokens(eu)
    await expect(place.restore(file)).rejects.toThrow(
      `The backup lacks the token "${place.label} ${eu} #1", which a private vault has: it is older than that, or was made while the token was away.`,
    )
    expect(labelsOf(place)).toEqual([])
    writeFileSync(state, kept)
    await place.restore(file)
  })

  test('is not restored beside a state that is another’s, before anything is made', async () => {
    place.wasStarted()
    const file = await place.backUp('eu.backup')
    const state = join(place.data, 'hsm', `${eu}.json`)
    const kept = readFileSync(state, 'utf8')
    const { publicKey = '' } = /"publicKey": "(?<publicKey>[^"]+)"/.exec(kept)?.groups ?? {}
    place.losesTokens(eu)
    for (const [text, says] of [
      [kept.replace('vaultspan/pkcs11-hsm/1', 'vaultspan/simulated-hsm/1'), 'is not what the backup has'],
      ['{}', 'is not what the backup has'],
      [kept.replace(publicKey, 'another'), "is another tenancy's region eu-test-1"],
    ] as const) {
      writeFileSync(state, text)
      await expect(place.restore(file)).rejects.toThrow(says)
      expect([readFileSync(state, 'utf8'), labelsOf(place)]).toEqual([text, []])
    }
    writeFileSync(state, kept)
    await place.restore(file)
  })

  test('is not made of a token that is not its state’s', async () => {
    place.wasStarted()
    const state = join(place.data, 'hsm', `${eu}.json`)
    const before = join(place.folder, 'before.json')
    copyFileSync(state, before)
    const file = await place.backUp('old.backup')
    place.wasStarted(eu, 'ocid1.tenancy.oc1..second')
    const newer = readFileSync(state)
    place.losesTokens(eu)
    copyFileSync(before, state)
    await place.restore(file)
    rmSync(state)
    writeFileSync(state, newer)
    await expect(place.backUp('eu.backup')).rejects.toThrow(
      'The token of eu-test-1 does not hold the root of the tenancy ocid1.tenancy.oc1..second',
    )
  })

  test('is not restored where a private vault’s token was made anew since for another vault, and a start, hsm status and doctor tell one that was', async () => {
    initTokens({ ...place.tokens(1), regions: [eu] })
    place.regionsInTokens = [eu]
    await place.start()
    const own = await place.makes('VIRTUAL_PRIVATE')
    await place.backUp('eu.backup')
    await place.stop()
    const token = `${place.label} ${eu} #1`
    const state = join(place.data, 'hsm', `${eu}.json`)
    const kept = readFileSync(state, 'utf8')
    // As a later one has it, for a vault that took the token when it had been made anew.
    writeFileSync(state, kept.replaceAll(own.vault.id, 'ocid1.vault.oc1.eu-test-1.p.another'))
    place.losesTokens(eu)
    await expect(place.restore(join(place.folder, 'eu.backup'))).rejects.toThrow(
      `The backup is older than the token "${token}", which was made anew since: in the backup it is another vault's than ocid1.vault.oc1.eu-test-1.p.another`,
    )
    expect(labelsOf(place).filter((label) => label.includes(eu))).toEqual([])
    writeFileSync(state, kept)
    await place.restore(join(place.folder, 'eu.backup'))
    partitionToken({ module: softHsm(), label: token, pin: () => pins.pin }).bare((session) => {
      const objects = session.find([[CKA.CLASS, CKO.DATA]], 64)
      for (const object of objects)
        if (String(session.attributes(object, CKA.LABEL)[0]) === 'vaultspan vault') session.remove(object)
      markAs(session, 'another')
    })
    expect(await place.custody()).toEqual([`tokenIsAnothers ${token}`])
    await place.start()
    expect(place.warned[0]).toContain(
      `token ${token}: by what stands in it it is another vault's (another) than ${own.vault.id}`,
    )
    const hsm = place.cloud?.parts[0]?.hsm
    expect(hsm?.whyAway(token)).toBeUndefined()
    for (const _ of [1, 2]) await expect(place.opens(own)).rejects.toThrow()
    expect(hsm?.whyAway(token)).toContain("the token is another vault's (another)")
    expect(place.failed).toEqual(
      place.failed.map(() => expect.stringContaining("the token is another vault's (another)") as string),
    )
    expect(place.failed.length).toBeGreaterThan(1)
    const state2 = JSON.parse(await askService(place.data, 'state')) as CloudStatus
    expect(state2.regions[0]).toMatchObject({ custody: [{ kind: 'tokenIsAnothers', token }] })
    expect(await place.cloud?.parts[0]?.health()).not.toHaveProperty('withoutCustodians')
  })

  test('brings back a private vault’s token that was lost, which no new root is begun without', async () => {
    initTokens({ ...place.tokens(1), regions: [eu] })
    place.regionsInTokens = [eu]
    await place.start()
    const own = await place.makes('VIRTUAL_PRIVATE')
    const file = await place.backUp('eu.backup')
    const token = `${place.label} ${eu} #1`
    const loses = (label: string) => {
      const module = softHsm()
      initialize({ module, label: `lost ${name()}`, ...pins }, module.slotOf(label))
    }
    await place.stop()
    loses(token)
    await place.start()
    await expect(askService(place.data, `rotate-root ${eu}`)).rejects.toThrow(
      `while a private vault's token is away: ${token} (of ${own.vault.id})`,
    )
    // Of the other, which has one, it is said, and that its backups are due.
    const told = await askService(place.data, 'rotate-root -').then(String, messageOf)
    expect(told).toMatch(/^us-test-1: a new root, \d+ wrapped anew under it; eu-test-1: No new root is made while a /)
    expect(told).toMatch(/Nothing was changed; the custodians’ older [^;]*;[^;]* --region us-test-1$/)
    const hsm = () => place.cloud?.parts[0]?.hsm
    expect(hsm()?.rotation.isRotating()).toBe(false)
    await place.stop()
    expect((await place.restore(file)).join('\n')).toContain(`${token}  made, with its keys`)
    await place.start()
    await place.opens(own)
    // Lost while a rotation is under way: the region's own token has the newer root, too, and stays.
    await hsm()?.rotation.begin()
    await place.stop()
    loses(token)
    await place.restore(file)
    await place.start()
    for (const part of place.cloud?.parts.slice(0, 1) ?? []) await rotateRoot(part)
    expect(hsm()?.rotation.isRotating()).toBe(false)
    await place.opens(own)
    const newer = await place.backUp('newer.backup')
    await hsm()?.rotation.begin()
    await place.stop()
    place.losesTokens(eu)
    await expect(place.restore(newer)).rejects.toThrow('was rotated since this backup')
    expect(labelsOf(place).filter((label) => label.includes(eu))).toEqual([])
  })

  test('is not made without a private vault’s token, but where that is named; a restore without it brings back everything else', async () => {
    initTokens({ ...place.tokens(1), regions: [eu] })
    place.regionsInTokens = [eu]
    await place.start()
    const [virtual, own] = [await place.makes('DEFAULT'), await place.makes('VIRTUAL_PRIVATE')]
    const file = await place.backUp('whole.backup')
    const note = () => readFileSync(join(place.data, 'hsm', `${eu}.backed-up`), 'utf8')
    const noted = note()
    const token = `${place.label} ${eu} #1`
    await place.stop()
    await expect(place.backUp('no.backup', eu, [token])).rejects.toThrow(`The token "${token}" has its copies`)
    await expect(place.backUp('no.backup', eu, [`${place.label} ${eu}`])).rejects.toThrow(
      `No private vault of ${eu} has a token "${place.label} ${eu}", so that --without does not take it; they have "${token}".`,
    )
    const whole = `A backup of ${eu} now would lack the token "${token}" of the private vault ${own.vault.id} (`
    // Emptied, with its copies, by somebody with the PIN; then gone.
    for (const what of ['root', 'copy']) place.deletes(token, `vaultspan ${what}`)
    await expect(place.backUp('no.backup')).rejects.toThrow(whole)
    const module = softHsm()
    initialize({ module, label: `lost ${name()}`, ...pins }, module.slotOf(token))
    await expect(place.backUp('no.backup')).rejects.toThrow(
      `${whole}no token has this label), and could not bring the region back. Put the token back, or bring it back first from an older backup that has it (hsm restore), and keep that backup. Where it is lost for good, --without "${token}" backs up everything else. Nothing was written.`,
    )
    expect(existsSync(join(place.folder, 'no.backup'))).toBe(false)
    const partial = await place.backUp('partial.backup', eu, [token])
    expect(note()).toBe(noted)

    place.losesTokens(eu)
    await expect(place.restore(partial)).rejects.toThrow(
      `The backup lacks the token "${token}", which the private vault ${own.vault.id} has`,
    )
    const without = (from: string, label = token) => place.restore(from, undefined, undefined, undefined, [label])
    await expect(without(file)).rejects.toThrow(`The backup has the token "${token}" of the private vault`)
    await expect(without(partial, `${place.label} ${eu}`)).rejects.toThrow('so that --without does not take it')
    expect(labelsOf(place)).toEqual([])
    expect(await without(partial)).toContain(
      `  ${token}  LEFT OUT: the private vault ${own.vault.id} stays lost (AWAY in hsm status; it answers 503) until a backup that has the token is restored`,
    )
    expect(note()).toBe(noted)
    expect(operatorEvents(place.data, eu).at(-1)).toMatchObject(['RestoreHsm', { without: [token] }])
    expect((await place.status()).unfit.join()).toContain(`AWAY, with a private vault each: ${token}`)
    await place.start()
    await place.opens(virtual)
    await expect(place.opens(own)).rejects.toThrow()
    await place.stop()
    // The rest was made of the same keys: a whole backup goes on from there.
    await place.restore(file)
    await place.start()
    for (const each of [virtual, own]) await place.opens(each)
    await place.backUp('newer.backup')
    // A token that was not lost stays where the others are brought back without it.
    await place.stop()
    initialize({ module, label: `lost ${name()}`, ...pins }, module.slotOf(`${place.label} ${eu}`))
    expect(await without(partial)).toContain(`  ${token}  left as it is there, with the private vault ${own.vault.id}`)
    await place.start()
    for (const each of [virtual, own]) await place.opens(each)
  })

  test('is not restored beside rows that know of a later change, also where the state is lost', async () => {
    place.wasStarted()
    const file = await place.backUp('eu.backup')
    place.losesTokens(eu)
    mkdirSync(join(place.data, 'regions'))
    const rows = new DatabaseSync(join(place.data, 'regions', `${eu}.db`))
    rows.exec('CREATE TABLE hsm_state (one INTEGER PRIMARY KEY, revision INTEGER NOT NULL)')
    rows.exec('INSERT INTO hsm_state VALUES (1, 1)')
    const known = 'The rows of eu-test-1 know of change 1 of its roots and tokens, and'
    await expect(place.restore(file)).rejects.toThrow(`${known} ${join(place.data, 'hsm', `${eu}.json`)} has change 0`)
    rmSync(join(place.data, 'hsm', `${eu}.json`))
    await expect(place.restore(file)).rejects.toThrow(`${known} the backup has change 0`)
    expect(labelsOf(place)).toEqual([])
    rows.exec('UPDATE hsm_state SET revision = 0')
    rows.close()
    await place.restore(file)
  })
})
