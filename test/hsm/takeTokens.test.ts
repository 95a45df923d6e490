import { cpSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ownerPathIn } from '../../lib/hsm/pkcs11/roots/ownerMark.ts'
import { partitionToken } from '../../lib/hsm/pkcs11/roots/regionToken.ts'
import { initTokens } from '../../local/hsm/initTokens.ts'
import { takeTokens } from '../../local/hsm/takeTokens.ts'
import { auditAtRest } from '../../local/region/chainedAtRest.ts'
import { altered } from './contract/fixtures.ts'
import { eu, labelsOf, Place, us } from './tokens/custodiansPlace.ts'
import { describeWithToken, pins, softHsm } from './tokens/softHsm.ts'

describeWithToken('tokens that a directory takes', () => {
  let place: Place

  beforeEach(() => {
    place = new Place()
  })

  afterEach(() => place.gone())

  test('stay whose they are where anything does not fit or nothing is audited, and are those of the regions that are named', async () => {
    initTokens(place.tokens(1))
    await place.start()
    await place.stop()
    const other = join(place.folder, 'other')
    cpSync(place.data, other, { recursive: true })
    const owners = () =>
      labelsOf(place).map((label) => [
        label,
        partitionToken({ module: softHsm(), label, pin: () => pins.pin }).bare(ownerPathIn),
      ])
    const before = owners()
    const take = (named: readonly string[] | null = null, audit: typeof auditAtRest = auditAtRest) =>
      takeTokens(other, { ...place.settings(), regions: named }, audit)
    await expect(take(['ap-test-1'])).rejects.toThrow('ap-test-1')
    const fails = async () => {
      throw new Error('the disk is full')
    }
    await expect(take(null, fails)).rejects.toThrow('the disk is full')
    const state = join(other, 'hsm', `${us}.json`)
    const text = readFileSync(state, 'utf8')
    const { mac } = JSON.parse(text) as { readonly mac: string }
    writeFileSync(state, text.replace(mac, altered(mac)))
    await expect(take()).rejects.toThrow('was not written with the token')
    expect(owners()).toEqual(before)
    writeFileSync(state, text)
    await take([eu])
    const taken = realpathSync(other)
    expect(owners()).toEqual(before.map(([label = '', path]) => [label, label.includes(eu) ? taken : path]))
  })
})
