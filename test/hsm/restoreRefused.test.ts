import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { initialize } from '../../lib/hsm/pkcs11/ceremony/initialize.ts'
import { initToken } from '../../lib/hsm/pkcs11/ceremony/initToken.ts'
import { destroyRoots } from '../../lib/hsm/pkcs11/roots/regionObjects.ts'
import { partitionToken } from '../../lib/hsm/pkcs11/roots/regionToken.ts'
import { initTokensWithCustodians } from '../../local/hsm/initCustodians.ts'
import { initTokens } from '../../local/hsm/initTokens.ts'
import { verifyCeremony } from '../../local/hsm/verifyCeremony.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { eu, labelsOf, name, Place } from './tokens/custodiansPlace.ts'
import { altered } from './contract/fixtures.ts'
import { describeWithToken, pins, softHsm } from './tokens/softHsm.ts'

describeWithToken('a ceremony and its restore', () => {
  let place: Place
  const tokens = (privateVaults = 1) => ({ ...place.tokens(privateVaults), regions: [eu] })

  beforeEach(() => {
    place = new Place()
  })

  afterEach(() => place.gone())

  test('a PIN that a token refused is not tried again by init and restore until its file is written anew', async () => {
    await initTokensWithCustodians(tokens(), place.ceremony())
    place.wasStarted()
    const file = await place.backUp('eu.backup')
    const refusals = join(place.data, 'hsm', `${eu}.pin-refused`)
    const wrong = { pin: 'another service’s', pinFile: place.pinFile }
    const init = async () => initTokens({ ...tokens(2), ...wrong })
    const restore = () => place.restore(file, undefined, undefined, undefined, undefined, wrong)
    let seconds = 1_000
    for (const [attempt, other] of [
      [init, restore],
      [restore, init],
    ] as const) {
      utimesSync(place.pinFile, seconds, seconds)
      seconds += 1_000
      await expect(attempt()).rejects.toThrow(
        `${place.label} ${eu} refuses the PIN (C_Login answered CKR_PIN_INCORRECT)`,
      )
      for (const again of [attempt, other])
        await expect(again()).rejects.toThrow(`${place.label} ${eu} refuses the PIN. It is not tried again`)
    }
    utimesSync(place.pinFile, seconds, seconds)
    initTokens({ ...tokens(2), pinFile: place.pinFile })
    expect(existsSync(refusals)).toBe(false)
  })

  test('fewer shares, a wrong share, an altered file, another cloud’s: nothing is made', async () => {
    await initTokensWithCustodians(tokens(), place.ceremony())
    place.wasStarted()
    const file = await place.backUp('eu.backup')
    place.losesTokens(eu)
    const text = readFileSync(file, 'utf8')
    const at = (name: string, content: string) => {
      const path = join(place.folder, name)
      writeFileSync(path, content, { mode: 0o600 })
      return path
    }
    const other = new Place()
    try {
      await initTokensWithCustodians({ ...other.tokens(0), regions: [eu] }, other.ceremony())
      const before = { labels: labelsOf(place), files: readdirSync(join(place.data, 'hsm')) }
      const { content } = JSON.parse(text) as { readonly content: string }
      await expect(place.restore(file, [place.share(1)])).rejects.toThrow('It takes 2 different shares; there are 1.')
      await expect(place.restore(file, [place.share(1), other.share(2)])).rejects.toThrow(
        `${other.share(2)} is of another ceremony (`,
      )
      const forged = JSON.parse(readFileSync(place.share(2), 'utf8')) as { readonly share: string }
      chmodSync(place.share(2), 0o644)
      await expect(place.restore(file, [place.share(1), place.share(2)])).rejects.toThrow('is open to other users')
      chmodSync(place.share(2), 0o600)
      const bad = at('bad.json', JSON.stringify({ ...forged, share: altered(forged.share) }))
      await expect(place.restore(file, [place.share(1), bad])).rejects.toThrow('its digest does not fit')
      const changed = at('changed.backup', text.replace(content, altered(content)))
      await expect(place.restore(changed)).rejects.toThrow('The backup was altered')
      await expect(place.restore(at('cut.backup', text.slice(0, -10)))).rejects.toThrow('was cut off')
      await expect(place.restore(file, undefined, other.data)).rejects.toThrow("is another cloud's")
      await expect(place.restore(join(place.folder, 'none'))).rejects.toThrow('cannot be read')
      expect({ labels: labelsOf(place), files: readdirSync(join(place.data, 'hsm')) }).toEqual(before)
    } finally {
      rmSync(other.folder, { recursive: true })
    }
    await place.restore(file)
  })

  test('a restore over tokens that live leaves them, and one that broke off goes on', async () => {
    await initTokensWithCustodians(tokens(), place.ceremony())
    place.wasStarted()
    const file = await place.backUp('eu.backup')
    expect((await place.restore(file)).filter((line) => line.includes('was there with these keys'))).toHaveLength(2)
    // Broken off after the first token: the others are not there.
    const module = softHsm()
    for (const label of labelsOf(place).filter((each) => each.includes(`${eu} #`)))
      initialize({ module, label: `lost ${name()}`, ...pins }, module.slotOf(label))
    await place.restore(file)
    // Before the last keys of a token: it is made anew. Before the state was written: the tokens stay.
    partitionToken({ module, label: `${place.label} ${eu}`, pin: () => pins.pin }).bare((session) => {
      destroyRoots(session, 1)
    })
    expect((await place.restore(file))[0]).toContain('made, with its keys')
    const state = join(place.data, 'hsm', `${eu}.json`)
    const before = readFileSync(state, 'utf8')
    rmSync(state)
    expect((await place.restore(file)).filter((line) => line.includes('was there with these keys'))).toHaveLength(2)
    expect(readFileSync(state, 'utf8')).toBe(before)
    // A token of other keys under the name.
    place.losesTokens(eu)
    initToken({ module, label: `${place.label} ${eu}`, ...pins })
    await expect(place.restore(file)).rejects.toThrow('with other keys than the backup')
  })

  test('a damaged copy of what the ceremony left is named, and another may be given: the file or a backup', async () => {
    await initTokensWithCustodians(tokens(0), place.ceremony())
    place.wasStarted()
    const file = await place.backUp('eu.backup')
    const recovery = join(place.data, 'hsm', 'recovery.json')
    const damaged = join(place.folder, 'damaged.backup')
    const { recovery: own, ...others } = JSON.parse(readFileSync(file, 'utf8')) as { readonly recovery: object }
    writeFileSync(damaged, JSON.stringify({ ...others, recovery: { ...own, at: 'then' } }))
    place.losesTokens(eu)
    await expect(place.restore(damaged)).rejects.toThrow('The shares are right; what the ceremony left')
    await expect(place.restore(file, undefined, undefined, place.share(1))).rejects.toThrow('is no recovery.json')
    await expect(place.restore(file, undefined, undefined, damaged)).rejects.toThrow('is damaged')
    expect(labelsOf(place)).toEqual([])
    for (const copy of [recovery, file]) await place.restore(damaged, undefined, undefined, copy)
  })

  test('the transcript tells its reader what was made and which share is whose; altered, it does not verify', async () => {
    await initTokensWithCustodians(tokens(), place.ceremony())
    const { transcript } = place.ceremony()
    const lines = await verifyCeremony(transcript, place.share(2))
    expect(lines[0]).toMatch(/^Valid: /)
    expect(lines.join('\n')).toMatch(/2 of 3 shares/)
    expect(lines.join('\n')).toContain(`${place.label} ${eu} #1`)
    expect(lines.join('\n')).toContain('is share 2 of this ceremony')
    expect(lines.join('\n')).not.toContain('OPEN')
    chmodSync(place.share(2), 0o640)
    const open = (await verifyCeremony(transcript, place.share(2))).join('\n')
    expect(open).toContain('is share 2 of this ceremony')
    expect(open).toContain(`OPEN: other users can read ${place.share(2)}`)
    const text = readFileSync(transcript, 'utf8')
    // No key, no share.
    for (const number of [1, 2, 3]) {
      const { share } = JSON.parse(readFileSync(place.share(number), 'utf8')) as { readonly share: string }
      expect(text).not.toContain(share)
    }
    const changed = join(place.folder, 'changed.json')
    writeFileSync(changed, text.replace('"threshold": 2', '"threshold": 3'))
    await expect(verifyCeremony(changed, undefined)).rejects.toThrow('does not verify')
    const alone = JSON.parse(text) as { readonly signatures: object }
    writeFileSync(changed, JSON.stringify({ ...alone, signatures: {} }))
    await expect(verifyCeremony(changed, undefined)).rejects.toThrow('does not verify')
  })

  test('more tokens are made for the same custodians, and a region that they do not know is not', async () => {
    await initTokensWithCustodians(tokens(), place.ceremony())
    const lines = initTokens(tokens(2))
    expect(lines.filter((line) => line.includes('nothing is changed'))).toHaveLength(2)
    expect(lines.filter((line) => line.includes('#2  made'))).toHaveLength(1)
    place.wasStarted()
    await place.backUp('eu.backup')
    expect(() => initTokens({ ...place.tokens(0), regions: ['ap-test-1'] })).toThrow(
      'did not know the region ap-test-1',
    )
    await expect(
      initTokensWithCustodians(tokens(), { ...place.ceremony(), transcript: join(place.folder, 't') }),
    ).rejects.toThrow('is there already; a ceremony writes over nothing')
    rmSync(join(place.data, 'hsm', 'recovery.json'))
    expect(() => initTokens(tokens(2))).toThrow('was made with custodians: put hsm/recovery.json back')
  })

  test('no backup is made of a region with another identity, nor of a token with another recovery key', async () => {
    await initTokensWithCustodians(tokens(), place.ceremony())
    place.wasStarted()
    const file = join(place.data, 'hsm', 'recovery.json')
    const kept = readFileSync(file, 'utf8')
    const { publicKey } = await knownRsaPair(4096)
    const ceremony = JSON.parse(kept) as object
    // Of another cloud, by the ceremony itself; and altered, which its signatures tell before the shares are asked for.
    const other = new Place()
    await initTokensWithCustodians({ ...other.tokens(0), regions: [eu] }, other.ceremony())
    const foreign = readFileSync(join(other.data, 'hsm', 'recovery.json'), 'utf8')
    rmSync(other.folder, { recursive: true })
    writeFileSync(file, foreign)
    expect((await place.status()).isFit).toBe(false)
    await expect(place.backUp('eu.backup')).rejects.toThrow("was not made for this cloud's custodians")
    const { mac } = JSON.parse(kept) as { readonly mac: string }
    const changed = [
      JSON.stringify({ ...ceremony, publicKey }),
      JSON.stringify({ ...ceremony, identities: { [eu]: 'another' } }),
      JSON.stringify({ ...ceremony, signatures: undefined }),
      kept.replace(mac, altered(mac)),
      '{}',
    ]
    for (const text of changed) {
      writeFileSync(file, text)
      await expect(place.backUp('eu.backup')).rejects.toThrow('recovery.json is damaged, or of another version')
      expect(() => initTokens(tokens(2))).toThrow('recovery.json is damaged')
      const { isFit, lines } = await place.status()
      expect({ isFit, says: lines.join('\n') }).toEqual({
        isFit: false,
        says: expect.stringContaining('recovery.json is damaged') as string,
      })
    }
    writeFileSync(file, kept)
    expect((await place.status()).isFit).toBe(true)
    await place.backUp('eu.backup')
    await expect(place.backUp('eu.backup')).rejects.toThrow('a backup writes over nothing')
    await expect(place.backUp('none/eu.backup')).rejects.toThrow('none is not there; mount it, or make it.')
  })

  test('a ceremony over tokens that are there leaves no share, and no backup is made', async () => {
    initTokens(tokens(0))
    await expect(initTokensWithCustodians(tokens(0), place.ceremony())).rejects.toThrow(
      'was made without these custodians',
    )
    for (const number of [1, 2, 3]) expect(existsSync(place.share(number))).toBe(false)
    await expect(place.backUp('eu.backup')).rejects.toThrow('has no custodians')
  })
})
