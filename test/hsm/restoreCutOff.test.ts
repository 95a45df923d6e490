import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { initialize } from '../../lib/hsm/pkcs11/ceremony/initialize.ts'
import { initPartition } from '../../lib/hsm/pkcs11/ceremony/initToken.ts'
import { initTokensWithCustodians } from '../../local/hsm/initCustodians.ts'
import { initTokens } from '../../local/hsm/initTokens.ts'
import { eu, name, Place } from './tokens/custodiansPlace.ts'
import { describeWithToken, pins, softHsm } from './tokens/softHsm.ts'

describeWithToken('a region whose restore was cut off', () => {
  let place: Place
  const label = (rest = '') => `${place.label} ${eu}${rest}`
  const over = (each: string, next: string) =>
    initialize({ module: softHsm(), label: next, ...pins }, softHsm().slotOf(each))

  beforeEach(() => {
    place = new Place()
  })

  afterEach(() => place.gone())

  test('is started and made by nobody until the restore has ended, and gets no roots in whatever state a token is', async () => {
    await initTokensWithCustodians(place.tokens(1), place.ceremony())
    await place.start()
    const made = await place.makes('VIRTUAL_PRIVATE')
    const file = await place.backUp('eu.backup')
    await place.stop()
    place.losesTokens(eu)
    const mark = join(place.data, 'hsm', 'unfinished-restores.json')
    // Refused before anything is made, it leaves no mark.
    initPartition({ module: softHsm(), label: label(), ...pins })
    await expect(place.restore(file)).rejects.toThrow('with other keys')
    expect(existsSync(mark)).toBe(false)
    over(label(), `lost ${name()}`)
    // Broken off after the region's own token.
    initPartition({ module: softHsm(), label: label(' #1'), ...pins })
    await expect(place.restore(file)).rejects.toThrow(
      `SOFTHSM2_CONF=${process.env['SOFTHSM2_CONF'] ?? ''} softhsm2-util --delete-token --token "${label(' #1')}"`,
    )
    expect(existsSync(mark)).toBe(true)
    const says = `A restore of ${eu} was cut off: run hsm restore again`
    await expect(place.start()).rejects.toThrow(says)
    expect((await place.status()).unfit.join()).toContain(says)
    expect(() => initTokens(place.tokens(1))).toThrow(says)
    over(label(' #1'), `lost ${name()}`)
    await expect(place.start()).rejects.toThrow(says)
    await place.restore(file)
    expect(existsSync(mark)).toBe(false)
    // What an older version left, which made no mark.
    over(label(' #1'), label(' #1'))
    expect(initTokens(place.tokens(1)).join()).toContain('#1  IS NOT MADE: a private vault has it')
    over(label(), label())
    expect(() => initTokens(place.tokens(1))).toThrow(`The token ${label()} lacks its roots. It was there once`)
    await place.restore(file)
    await place.start()
    await place.opens(made)
  })
})
