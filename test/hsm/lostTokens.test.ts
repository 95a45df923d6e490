import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { initialize } from '../../lib/hsm/pkcs11/ceremony/initialize.ts'
import { partitionToken } from '../../lib/hsm/pkcs11/roots/regionToken.ts'
import { initTokensWithCustodians } from '../../local/hsm/initCustodians.ts'
import { initTokens } from '../../local/hsm/initTokens.ts'
import { tokenStatus } from '../../local/hsm/tokenStatus.ts'
import { eu, labelsOf, name, Place, regions, us } from './tokens/custodiansPlace.ts'
import { placesOf, tokensFolder } from './tokens/placesOf.ts'
import { describeWithToken, newToken, pins, softHsm } from './tokens/softHsm.ts'

describeWithToken('after tokens were lost', () => {
  let place: Place
  const status = async () => {
    const { lines, isFit } = await tokenStatus(place.settings(), regions, place.data)
    return { text: lines.join('\n'), isFit }
  }
  const loses = (label: string) => {
    const module = softHsm()
    initialize({ module, label: `lost ${name()}`, ...pins }, module.slotOf(label))
  }

  beforeEach(() => {
    place = new Place()
  })

  afterEach(() => place.gone())

  test('nothing says to make new roots, nor makes them, beside what the old ones keep', async () => {
    await initTokensWithCustodians(place.tokens(1), place.ceremony())
    await place.start()
    await place.stop()
    const early = await place.backUp('early.backup')
    place.losesTokens(eu)
    // The ceremony alone knows of them, as before the first start.
    rmSync(join(place.data, 'hsm', `${eu}.json`))
    expect(() => initTokens(place.tokens(1))).toThrow('hsm restore brings it back')
    expect(labelsOf(place).filter((label) => label.includes(eu))).toEqual([])
    await place.restore(early)
    await place.start()
    const made = await place.makes('VIRTUAL_PRIVATE')
    const file = await place.backUp('eu.backup')
    await place.stop()
    place.losesTokens(eu)
    await expect(place.start()).rejects.toThrow('hsm restore brings it back')
    expect(await status()).toEqual({ isFit: false, text: expect.stringContaining('hsm restore brings') as string })
    expect((await status()).text).not.toContain('Make it with')
    await expect(place.backUp('none.backup')).rejects.toThrow('hsm restore brings it back')
    // Whatever became of the ceremony's file.
    rmSync(join(place.data, 'hsm', 'recovery.json'))
    const another = { ...place.tokens(1), label: `cust ${name()}` }
    for (const tokens of [place.tokens(1), another]) expect(() => initTokens(tokens)).toThrow('Nothing was made.')
    await place.restore(file)
    await place.start()
    await place.opens(made)
  })

  test('before the first start nobody is told to restore what there is no backup of', async () => {
    await initTokensWithCustodians(place.tokens(0), place.ceremony())
    place.losesTokens(eu)
    const advice = /nothing is lost with it.* never started here.* in a --data of their own/
    await expect(place.start()).rejects.toThrow(advice)
    expect(() => initTokens(place.tokens(0))).toThrow(advice)
    expect((await status()).text).toMatch(advice)
    expect((await status()).text).not.toContain('hsm restore')
  })

  test('of a region that was not in the ceremony nobody is told that its custodians bring it back', async () => {
    initTokens({ ...place.tokens(0), regions: [us] })
    await initTokensWithCustodians({ ...place.tokens(0), regions: [eu] }, place.ceremony())
    await place.start()
    await place.stop()
    place.losesTokens(us)
    await expect(place.start()).rejects.toThrow(
      'this cloud’s custodians cannot, for the region was not in their ceremony',
    )
    place.losesTokens(eu)
    await expect(place.start()).rejects.toThrow('hsm restore brings it back')
  })

  test('a token that was never made is made, beside a simulated region too', async () => {
    expect((await status()).text).toContain('Make it with hsm init.')
    await place.start(false)
    await place.stop()
    await expect(place.start()).rejects.toThrow()
    expect(initTokens(place.tokens(0))).toHaveLength(2)
  })

  test('status names a private vault’s token that is away, and counts no others for it', async () => {
    initTokens(place.tokens(1))
    await place.start()
    await place.makes('VIRTUAL_PRIVATE')
    await place.stop()
    expect((await status()).isFit).toBe(true)
    loses(`${place.label} ${eu} #1`)
    const { text, isFit } = await status()
    expect(isFit).toBe(false)
    expect(text).toContain(
      `${eu}  tokens for private vaults: 0 free, 1 taken, 0 spent; another private vault is refused until there are more (hsm init --private)`,
    )
    expect(text).toContain(`AWAY, with a private vault each: ${place.label} ${eu} #1`)
    writeFileSync(place.pinFile, 'another')
    const refused = (await status()).text
    expect(refused).toContain(`The token ${place.label} ${eu} refuses the PIN`)
    expect(refused).toContain(`  ${us}  was not asked: the token of ${eu} refuses the PIN`)
  })

  test('a token in which a kill has left an object half written is made anew all the same', () => {
    const label = newToken()
    const folder = join(tokensFolder(), placesOf(label)[0] ?? '')
    const locks = readdirSync(folder).filter((each) => each.endsWith('.lock') && each !== 'token.lock')
    rmSync(join(folder, locks[0] ?? ''))
    const module = softHsm()
    initialize({ module, label, ...pins }, module.slotOf(label))
    expect(module.labels().filter((each) => each === label)).toHaveLength(1)
    partitionToken({ module, label, pin: () => pins.pin }).bare((session) => {
      expect(session.find([])).toEqual([])
    })
  })

  test('a state that cannot be read stands for one of a token', () => {
    initTokens({ ...place.tokens(0), regions: [eu] })
    mkdirSync(join(place.data, 'hsm'), { recursive: true })
    writeFileSync(join(place.data, 'hsm', `${eu}.json`), '{')
    loses(`${place.label} ${eu}`)
    expect(() => initTokens(place.tokens(0))).toThrow('Nothing was made.')
  })
})
