import { createPublicKey, createSecretKey, randomBytes } from 'node:crypto'
import { chooseWrap, oaepWraps, signBundle, wrapOf } from '../../lib/hsm/formats/transfer.ts'
import type { TransferBundle, TransportKey, TransportOffer } from '../../lib/hsm/hsm.ts'
import { wrapKey } from '../../lib/hsm/primitives/keyWrap.ts'
import { rsaEncrypt } from '../../lib/hsm/primitives/rsa.ts'
import type { ProvisionedHsm } from '../../lib/hsm/provisionedHsm.ts'
import { pairings, twoRegions } from './contract/backends.ts'
import { aTransfer, coded } from './contract/fixtures.ts'

const destinations = pairings.filter(([source]) => source === 'software').map(([, destination]) => destination)

describe.each(destinations)('what a source puts into a bundle for a %s', (destination) => {
  let home: ProvisionedHsm
  let away: ProvisionedHsm
  let transport: TransportKey

  beforeAll(async () => {
    ;({ home, away } = await twoRegions('software', destination))
    transport = await away.createTransportKey(aTransfer())
  })

  /** Signed by the source itself: keys of so many bytes, under an ephemeral one. */
  function bundleOf(lengths: Partial<Record<'ephemeral' | keyof TransferBundle['kwp'], number>>) {
    const { ephemeral = 32, hsmKek = 32, softwareKek = 32, macKey = 32 } = lengths
    const { offer } = transport
    const wrap = chooseWrap(offer)
    const key = randomBytes(ephemeral)
    const under = (length: number) => wrapKey(createSecretKey(key), randomBytes(length)).toString('base64')
    const kwp = { hsmKek: under(hsmKek), softwareKek: under(softwareKek), macKey: under(macKey) }
    const oaep = rsaEncrypt(createPublicKey(offer.publicKey), oaepWraps[wrap], key).toString('base64')
    return signBundle(home, offer, wrap, { oaep, kwp })
  }

  test('is taken where it is three keys of AES-256', async () => {
    expect(await away.importVaultKeys(aTransfer(), await bundleOf({}), transport)).toBeDefined()
  })

  // A token does not say how long an ephemeral key is that it unwraps; it holds on the way alone, of what its source has anyway.
  const ephemeral = destination === 'software' ? (['ephemeral'] as const) : []
  test.each([...ephemeral, 'hsmKek', 'softwareKek', 'macKey'] as const)(
    'is refused with a shorter %s, which would be guessed sooner',
    async (name) => {
      for (const length of [16, 24]) {
        const imported = away.importVaultKeys(aTransfer(), await bundleOf({ [name]: length }), transport)
        await expect(imported).rejects.toEqual(coded('integrityFailure'))
      }
    },
  )
})

describe('how the keys are wrapped', () => {
  const offering = (wraps?: TransportOffer['wraps']) => (wraps === undefined ? {} : { wraps }) as TransportOffer
  const wrappedBy = (wrap: 'oaep-sha256' | 'oaep-sha1') =>
    ({ format: `vaultspan/transfer-bundle/1+${wrap}` }) as TransferBundle

  test.each<[string, TransportOffer]>([
    ['SHA-256 alone', offering(['oaep-sha256'])],
    ['nothing, as of before there was a choice', offering()],
  ])('is never by SHA-1 where the offer says %s', (_what, offer) => {
    expect(() => wrapOf(wrappedBy('oaep-sha1'), offer)).toThrow('an unknown format')
    expect(wrapOf(wrappedBy('oaep-sha256'), offer)).toBe('oaep-sha256')
    expect(chooseWrap(offer, ['oaep-sha1', 'oaep-sha256'])).toBe('oaep-sha256')
    expect(() => chooseWrap(offer, ['oaep-sha1'])).toThrow('no wrapping in common')
  })

  test('is by SHA-256 where both can', () => {
    expect(chooseWrap(offering(['oaep-sha256', 'oaep-sha1']), ['oaep-sha1', 'oaep-sha256'])).toBe('oaep-sha256')
    expect(() => wrapOf(wrappedBy('oaep-sha256'), offering(['oaep-sha1']))).toThrow('an unknown format')
  })
})
