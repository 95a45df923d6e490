import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { partitionToken } from '../../lib/hsm/pkcs11/roots/regionToken.ts'
import { initToken } from '../../lib/hsm/pkcs11/ceremony/initToken.ts'
import { markIn } from '../../lib/hsm/pkcs11/roots/vaultMarker.ts'
import { initTokensWithCustodians } from '../../local/hsm/initCustodians.ts'
import { initTokens } from '../../local/hsm/initTokens.ts'
import { takeTokens } from '../../local/hsm/takeTokens.ts'
import { auditAtRest } from '../../local/region/chainedAtRest.ts'
import { eu, Place } from './tokens/custodiansPlace.ts'
import { describeWithToken, pins, softHsm } from './tokens/softHsm.ts'

describeWithToken('where the tokens’ states are and the rows are not', () => {
  let place: Place
  const away = () => join(place.folder, 'away')
  const markOf = (number: number) =>
    partitionToken({ module: softHsm(), label: `${place.label} ${eu} #${number}`, pin: () => pins.pin }).bare(markIn)
  const moved = (names: readonly string[], from: string, to: string) => {
    mkdirSync(to, { recursive: true })
    for (const name of names) renameSync(join(from, name), join(to, name))
  }
  const filesOf = () => readdirSync(place.data, { recursive: true, encoding: 'utf8' }).toSorted()

  beforeEach(() => {
    place = new Place()
  })

  afterEach(() => place.gone())

  test.each([
    ['the rows and host.db', ['regions', 'host.db'], 'its rows are missing'],
    ['a region’s database, which is empty then', [join('regions', `${eu}.db`)], 'has nothing'],
  ])('a start is refused and leaves the private vaults’ tokens: %s', async (_, names, says) => {
    initTokens(place.tokens(1))
    await place.start()
    const made = await place.makes('VIRTUAL_PRIVATE')
    await place.stop()
    const mark = markOf(1)
    expect(mark).toContain(made.vault.id)
    mkdirSync(join(away(), 'regions'), { recursive: true })
    if (names.length > 1) rmSync(join(away(), 'regions'), { recursive: true })
    moved(names, place.data, away())
    if (names.length === 1) writeFileSync(join(place.data, names[0] ?? ''), '', { mode: 0o600 })
    const before = filesOf()
    await expect(place.start()).rejects.toThrow(says)
    await expect(place.start()).rejects.toThrow('Restore the snapshot first')
    expect(filesOf().filter((name) => !/-(wal|shm)$/.test(name))).toEqual(before)
    expect(markOf(1)).toBe(mark)
    if (names.length === 1) rmSync(join(place.data, names[0] ?? ''))
    moved(names, away(), place.data)
    await place.start()
    await place.opens(made)
  })

  test('hsm restore without rows says that the snapshot is next, and a start there is refused', async () => {
    await initTokensWithCustodians(place.tokens(0), place.ceremony())
    await place.start()
    const file = await place.backUp('eu.backup')
    await place.stop()
    place.losesTokens(eu)
    const empty = join(place.folder, 'empty')
    const lines = (await place.restore(file, undefined, empty)).join('\n')
    expect(lines).toContain(`${empty} HAS NO ROWS OF IT: do not start it yet`)
    expect(lines).toContain('next: restore the snapshot into a directory that is not there yet')
    const { data } = place
    Object.assign(place, { data: empty })
    await expect(place.start()).rejects.toThrow('its rows are missing')
    expect(existsSync(join(empty, 'host.db'))).toBe(false)
    Object.assign(place, { data })
    await takeTokens(data, place.settings(), auditAtRest)
    expect((await place.restore(file)).join('\n')).not.toContain('HAS NO ROWS')
  })

  test('a token that has other keys is left, and what to do with it is said', async () => {
    await initTokensWithCustodians({ ...place.tokens(0), regions: [eu] }, place.ceremony())
    place.wasStarted()
    const file = await place.backUp('eu.backup')
    place.losesTokens(eu)
    const label = `${place.label} ${eu}`
    initToken({ module: softHsm(), label, ...pins })
    await expect(place.restore(file)).rejects.toThrow(`softhsm2-util --delete-token --token "${label}"`)
  })

  test('status counts a token that names a vault as taken, whatever the state says', async () => {
    initTokens(place.tokens(2))
    await place.start()
    await place.makes('VIRTUAL_PRIVATE')
    await place.stop()
    rmSync(join(place.data, 'hsm', `${eu}.json`))
    expect((await place.status()).lines.join('\n')).toContain('1 free, 1 taken, 0 spent')
  })
})
