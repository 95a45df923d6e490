import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openSoftwareHsm } from '../../lib/hsm/software/softwareHsm.ts'
import { realm } from '../../lib/ocid.ts'
import { holdCeremony, type Made } from '../../local/hsm/ceremony.ts'
import { eu, Place } from './tokens/custodiansPlace.ts'

let place: Place
const nothing = () => undefined
const shares = () => [1, 2, 3].map((number) => place.share(number)).filter((file) => existsSync(file))
const isNoted = () => existsSync(join(place.data, 'hsm', 'unfinished-ceremonies.json'))

beforeEach(() => {
  place = new Place()
})

afterEach(() => place.gone())

/** One region, in the process. */
function made(close = nothing): Made {
  const hsm = openSoftwareHsm({ realm, region: eu })
  const region = { region: eu, publicKey: hsm.identityPublicKey, tokens: [], sign: hsm.sign.bind(hsm), close }
  return { lines: [], library: null, regions: [region] }
}

test('a ceremony that ends is noted no more, has closed its regions and listens to no signal', async () => {
  const listeners = () => ['SIGINT', 'SIGTERM'].map((signal) => process.listenerCount(signal))
  const before = listeners()
  let closed = 0
  const make = () => {
    expect(listeners()).toEqual(before.map((count) => count + 1))
    return made(() => void (closed += 1))
  }
  await holdCeremony(place.ceremony(), { check: nothing, make })
  expect([shares().length, isNoted(), closed]).toEqual([3, false, 1])
  expect(listeners()).toEqual(before)
})

test('a threshold that the custodians do not meet is told before anything is made', async () => {
  const generateRsa = () => Promise.reject(new Error('A key is made.'))
  for (const threshold of [1, 4])
    await expect(
      holdCeremony({ ...place.ceremony(), threshold, generateRsa }, { check: nothing, make: () => made() }),
    ).rejects.not.toThrow('A key is made.')
  expect(isNoted()).toBe(false)
})

test('a file that comes while it is begun is not written over, and nothing of the ceremony is left', async () => {
  const check = () => {
    writeFileSync(place.share(2), 'of somebody')
  }
  await expect(holdCeremony(place.ceremony(), { check, make: () => made() })).rejects.toThrow(
    `${place.share(2)} is there already.`,
  )
  expect(shares()).toEqual([place.share(2)])
  expect(readFileSync(place.share(2), 'utf8')).toBe('of somebody')
  expect(isNoted()).toBe(false)
})

test('the shares of one that has ended stay, whatever fails behind it', async () => {
  const fails = () => {
    throw new Error('it does not close')
  }
  await expect(holdCeremony(place.ceremony(), { check: nothing, make: () => made(fails) })).rejects.toThrow(
    'it does not close',
  )
  expect(shares()).toHaveLength(3)
  expect(existsSync(join(place.data, 'hsm', 'recovery.json'))).toBe(true)
})
