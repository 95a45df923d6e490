import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { initialize } from '../../lib/hsm/pkcs11/ceremony/initialize.ts'
import { holdDirectory } from '../../local/directory/heldDirectory.ts'
import { initSimulatedCustodians, initTokensWithCustodians } from '../../local/hsm/initCustodians.ts'
import { initTokens } from '../../local/hsm/initTokens.ts'
import { eu, labelsOf, Place } from './tokens/custodiansPlace.ts'
import { describeWithToken, pins, softHsm } from './tokens/softHsm.ts'

describeWithToken('two that make tokens at once', () => {
  let place: Place
  const label = (rest: string) => `${place.label} ${rest}`

  beforeEach(() => {
    place = new Place()
  })

  afterEach(() => place.gone())

  test('one command at a time makes tokens in a directory, also before its first start, and no start comes between', async () => {
    const isInUse = /data: is in use by another Vaultspan process; stop that one/
    const held = holdDirectory(place.data)
    const ceremony = () => initTokensWithCustodians(place.tokens(0), place.ceremony())
    expect(() => initTokens(place.tokens(0))).toThrow(isInUse)
    await expect(ceremony()).rejects.toThrow(isInUse)
    await expect(initSimulatedCustodians([eu], place.ceremony())).rejects.toThrow(isInUse)
    await expect(place.start()).rejects.toThrow(isInUse)
    expect({ made: labelsOf(place), files: readdirSync(place.data) }).toEqual({ made: [], files: ['host.db.lock'] })
    held.release()
    expect(existsSync(place.data)).toBe(false)
    const first = ceremony()
    await expect(ceremony()).rejects.toThrow(isInUse)
    await first
    expect(existsSync(join(place.data, 'host.db.lock'))).toBe(false)
    // What a kill has left holds nobody.
    writeFileSync(join(place.data, 'host.db.lock'), '')
    await place.start()
    expect(() => initTokens(place.tokens(0))).toThrow(isInUse)
    await expect(ceremony()).rejects.toThrow(isInUse)
    await place.stop()
    const file = await place.backUp('eu.backup')
    const fresh = join(place.folder, 'fresh')
    const again = holdDirectory(fresh)
    await expect(place.restore(file, undefined, fresh)).rejects.toThrow('fresh: is in use by another Vaultspan process')
    again.release()
    // What is restored would be in the one, and another service at the other.
    initialize({ module: softHsm(), label: label(eu), ...pins })
    await expect(place.restore(file)).rejects.toThrow(`2 tokens have the label ${label(eu)}`)
  })

  test('a label that two tokens have is told, with what deletes the other one', async () => {
    initTokens(place.tokens(1))
    initialize({ module: softHsm(), label: label(`${eu} #1`), ...pins })
    const says = `2 tokens have the label ${label(`${eu} #1`)}; that with the serial number `
    expect(await place.status()).toMatchObject({
      isFit: false,
      lines: expect.arrayContaining([expect.stringContaining(says)]) as unknown,
    })
    const [, other = ''] = softHsm().serialsOf(label(`${eu} #1`))
    const command = `SOFTHSM2_CONF=${process.env['SOFTHSM2_CONF'] ?? ''} softhsm2-util --delete-token --serial ${other}`
    expect((await place.status()).unfit.join()).toContain(command)
    expect(() => initTokens(place.tokens(2))).toThrow(says)
    await expect(initTokensWithCustodians(place.tokens(1), place.ceremony())).rejects.toThrow(says)
    execFileSync('sh', ['-c', command])
    expect(initTokens(place.tokens(1)).filter((line) => line.includes('was there with its roots'))).toHaveLength(4)
  })
})
