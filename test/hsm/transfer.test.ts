import type {
  TransferBundle,
  TransferContext,
  TransportKey,
  TransportOffer,
  WrappedVaultKeys,
} from '../../lib/hsm/hsm.ts'
import type { ProvisionedHsm } from '../../lib/hsm/provisionedHsm.ts'
import { unsignedBytes } from '../../lib/hsm/formats/statement.ts'
import { oaepWraps } from '../../lib/hsm/formats/transfer.ts'
import { keysOf } from '../../lib/keysOf.ts'
import { allPairings, keepsPrivateVaults, openBackend, twoRegions } from './contract/backends.ts'
import { aMaterial, altered, aTransfer, aVault, coded, tenancyId } from './contract/fixtures.ts'

describe.each(allPairings)('from a %s to a %s', (source, destination) => {
  const context = aTransfer()
  let home: ProvisionedHsm
  let away: ProvisionedHsm
  let wrapped: WrappedVaultKeys
  let transportKey: TransportKey
  let bundle: TransferBundle

  beforeAll(async () => {
    ;({ home, away } = await twoRegions(source, destination))
    wrapped = await home.createVaultKeys(aVault())
    transportKey = await away.createTransportKey(context)
    bundle = await home.exportVaultKeys(context, wrapped, transportKey.offer)
  })

  test('a key made in one region works in the other after the transfer', async () => {
    const [there, here] = [
      away.openVault(aVault(), await away.importVaultKeys(context, bundle, transportKey)),
      home.openVault(aVault(), wrapped),
    ]
    for (const protectionMode of ['HSM', 'SOFTWARE'] as const) {
      const material = aMaterial({ protectionMode })
      const key = await here.generate(material)
      const ciphertext = await here.use(material, key, (held) => held.encrypt('AES_256_GCM', Buffer.from('moved'), {}))
      const plaintext = await there.use(material, key, (held) => held.decrypt('AES_256_GCM', ciphertext, {}))
      expect(plaintext.toString()).toBe('moved')
    }
    expect(there.isRowMac('row', here.rowMac('row'))).toBe(true)
  })

  test('the vault of a private partition crosses too', async () => {
    const own = aTransfer({ isPrivate: true })
    if (!keepsPrivateVaults(source, destination)) {
      const sides = keepsPrivateVaults(source) ? [] : [async () => home.createVaultKeys(own)]
      if (!keepsPrivateVaults(destination)) sides.push(async () => away.createTransportKey(own) as never)
      for (const side of sides) await expect(side()).rejects.toEqual(coded('limitExceeded'))
      return
    }
    const keys = await home.createVaultKeys(own)
    const transport = await away.createTransportKey(own)
    const imported = await away.importVaultKeys(own, await home.exportVaultKeys(own, keys, transport.offer), transport)
    const mac = home.openVault(own, keys).rowMac('row')
    expect(away.openVault(own, imported).isRowMac('row', mac)).toBe(true)
  })

  test('what was imported is wrapped for its own region only', async () => {
    const imported = await away.importVaultKeys(context, bundle, transportKey)
    expect(() => home.openVault(aVault(), imported)).toThrow(coded('integrityFailure'))
  })

  test('a vault whose KEKs were destroyed does not cross', async () => {
    const left = home.withoutKeks(aVault(), await home.createVaultKeys(aVault()))
    await expect(home.exportVaultKeys(context, left, transportKey.offer)).rejects.toEqual(coded('integrityFailure'))
  })

  const otherContexts = {
    realm: { realm: 'oc2' },
    tenancyId: { tenancyId: 'ocid1.tenancy.oc1..other' },
    vaultId: { vaultId: 'ocid1.vault.oc1.eu-test-1.v.other' },
    isPrivate: { isPrivate: true },
    source: { source: 'us-test-1' },
    destination: { destination: 'eu-test-1' },
    epoch: { epoch: '2:eu-test-1' },
  } as const satisfies { [M in keyof Required<TransferContext>]: Partial<TransferContext> }

  describe.each(Object.entries(otherContexts))('a transfer with another %s', (_member, change) => {
    const changed = { ...context, ...change }

    test('is not exported for this offer', async () => {
      await expect(home.exportVaultKeys(changed, wrapped, transportKey.offer)).rejects.toEqual(
        coded('integrityFailure'),
      )
    })

    test('is not exported for an offer that was changed to fit', async () => {
      const offer = { ...transportKey.offer, context: changed }
      await expect(home.exportVaultKeys(changed, wrapped, offer)).rejects.toEqual(coded('integrityFailure'))
    })

    test('does not import this bundle', async () => {
      await expect(away.importVaultKeys(changed, bundle, transportKey)).rejects.toEqual(coded('integrityFailure'))
    })

    test('does not import a bundle that was changed to fit', async () => {
      const [forged, offer] = [
        { ...bundle, context: changed },
        { ...transportKey.offer, context: changed },
      ]
      const imported = away.importVaultKeys(changed, forged, { ...transportKey, offer })
      await expect(imported).rejects.toEqual(coded('integrityFailure'))
    })
  })

  const statementChanges = (statement: TransportOffer['statement']) => ({
    'statement format': { statement: { ...statement, format: 'other' as typeof statement.format } },
    'statement realm': { statement: { ...statement, realm: 'oc2' } },
    'statement tenancy': { statement: { ...statement, tenancyId: 'ocid1.tenancy.oc1..other' } },
    'statement region': { statement: { ...statement, region: 'ap-test-1' } },
    'statement key': { statement: { ...statement, publicKey: altered(statement.publicKey) } },
    'statement signature': { statement: { ...statement, signature: altered(statement.signature) } },
  })

  test('an offer with any member altered is refused', async () => {
    const { offer } = transportKey
    const changes = {
      format: { format: 'other' as typeof offer.format },
      transportKeyId: { transportKeyId: 'other' },
      challenge: { challenge: altered(offer.challenge) },
      publicKey: { publicKey: (await away.createTransportKey(context)).offer.publicKey },
      signature: { signature: altered(offer.signature) },
      'another signer': { statement: home.statement(tenancyId) },
      ...statementChanges(offer.statement),
    } satisfies Record<string, Partial<TransportOffer>>
    const exported = await outcomes(changes, (change) =>
      home.exportVaultKeys(context, wrapped, { ...offer, ...change }),
    )
    expect(exported).toEqual(allRefused(changes))
  })

  test('a bundle with any member altered is refused', async () => {
    const other = await home.exportVaultKeys(context, wrapped, transportKey.offer)
    const { kwp } = bundle
    const changes = {
      format: { format: 'other' as typeof bundle.format },
      transportKeyId: { transportKeyId: 'other' },
      challenge: { challenge: altered(bundle.challenge) },
      oaep: { oaep: other.oaep },
      hsmKek: { kwp: { ...kwp, hsmKek: altered(kwp.hsmKek) } },
      softwareKek: { kwp: { ...kwp, softwareKek: altered(kwp.softwareKek) } },
      macKey: { kwp: { ...kwp, macKey: altered(kwp.macKey) } },
      'KEKs exchanged': { kwp: { ...kwp, hsmKek: kwp.softwareKek, softwareKek: kwp.hsmKek } },
      signature: { signature: altered(bundle.signature) },
      'another signer': { statement: away.statement(tenancyId) },
      ...statementChanges(bundle.statement),
    } satisfies Record<string, Partial<TransferBundle>>
    const imported = await outcomes(changes, (change) =>
      away.importVaultKeys(context, { ...bundle, ...change }, transportKey),
    )
    expect(imported).toEqual(allRefused(changes))
  })

  test('what the source itself signed is refused where it does not fit', async () => {
    const changes = {
      oaep: { oaep: altered(bundle.oaep) },
      'no oaep': { oaep: '' },
      kwp: { kwp: { ...bundle.kwp, macKey: altered(bundle.kwp.macKey) } },
      challenge: { challenge: altered(bundle.challenge) },
      transportKeyId: { transportKeyId: 'other' },
      context: { context: aTransfer({ epoch: '2:eu-test-1' }) },
      format: { format: 'other' as typeof bundle.format },
    } satisfies Record<string, Partial<TransferBundle>>
    const imported = await outcomes(changes, async (change) =>
      away.importVaultKeys(context, await signedBy(home, { ...bundle, ...change }), transportKey),
    )
    expect(imported).toEqual(allRefused(changes))
  })

  test('a bundle that is wrapped in a way that the offer did not offer is refused, though its source signed it', async () => {
    const offered = transportKey.offer.wraps ?? ['oaep-sha256']
    for (const wrap of keysOf(oaepWraps).filter((each) => !offered.includes(each))) {
      const format = `vaultspan/transfer-bundle/1+${wrap}` as const
      const imported = away.importVaultKeys(context, await signedBy(home, { ...bundle, format }), transportKey)
      await expect(imported).rejects.toThrow('the bundle has an unknown format')
    }
  })

  test('a bundle signed anew by its source is accepted, so the refusals above are not of the signing', async () => {
    await expect(away.importVaultKeys(context, await signedBy(home, bundle), transportKey)).resolves.toBeDefined()
  })

  test('a third region of the tenancy can neither offer for the destination nor send for the source', async () => {
    const third = openBackend(source, 'ap-test-1')
    const statement = home.issueStatement(tenancyId, 'ap-test-1', third.identityPublicKey)
    await third.acceptStatement(home.createTenancyRoot(tenancyId), statement)
    const offer = await signedBy(third, { ...transportKey.offer, statement })
    await expect(home.exportVaultKeys(context, wrapped, offer)).rejects.toThrow('not from its destination')
    const forged = await signedBy(third, { ...bundle, statement })
    await expect(away.importVaultKeys(context, forged, transportKey)).rejects.toThrow('not from its source')
  })

  test('nobody offers or sends by the word of another tenancy’s root, or for another realm', async () => {
    const [other, stranger] = ['ocid1.tenancy.oc1..other', openBackend('software', 'us-test-1')]
    const root = stranger.createTenancyRoot(other)
    for (const hsm of [home, away])
      await hsm.acceptStatement(root, stranger.issueStatement(other, hsm.region, hsm.identityPublicKey))
    const says = (region: string) => stranger.issueStatement(other, region, stranger.identityPublicKey)
    const offer = await signedBy(stranger, { ...transportKey.offer, statement: says(away.region) })
    await expect(home.exportVaultKeys(context, wrapped, offer)).rejects.toThrow('not from its destination')
    const forged = await signedBy(stranger, { ...bundle, statement: says(home.region) })
    await expect(away.importVaultKeys(context, forged, transportKey)).rejects.toThrow('not from its source')
    const elsewhere = { ...context, realm: 'oc2' }
    const [keys, waiting] = [await home.createVaultKeys(elsewhere), await away.createTransportKey(elsewhere)]
    await expect(home.exportVaultKeys(elsewhere, keys, waiting.offer)).rejects.toThrow('not from its destination')
    const { transportKeyId, challenge } = waiting.offer
    const sent = await signedBy(home, { ...bundle, context: elsewhere, transportKeyId, challenge })
    await expect(away.importVaultKeys(elsewhere, sent, waiting)).rejects.toThrow('not from its source')
  })

  test('an offer of a format that is to come is not answered, though its destination signed it', async () => {
    const format = 'vaultspan/transport-offer/2' as TransportOffer['format']
    const offer = await signedBy(away, { ...transportKey.offer, format })
    await expect(home.exportVaultKeys(context, wrapped, offer)).rejects.toThrow('the offer has an unknown format')
  })

  test('a bundle opens with its own transport key only', async () => {
    const { offer, privateKey } = transportKey
    const other = await away.createTransportKey(context)
    const changes = {
      'another transport key': other,
      'another private key': { offer, privateKey: other.privateKey },
      'altered private key': { offer, privateKey: altered(privateKey) },
      'altered stored offer': { offer: { ...offer, publicKey: other.offer.publicKey }, privateKey },
    } satisfies Record<string, TransportKey>
    const imported = await outcomes(changes, (change) => away.importVaultKeys(context, bundle, change))
    expect(imported).toEqual(allRefused(changes))
  })

  test('a region whose tenancy has another root is believed by nobody', async () => {
    const stranger = openBackend(destination, 'us-test-1')
    stranger.createTenancyRoot(tenancyId)
    const offered = await stranger.createTransportKey(context)
    await expect(home.exportVaultKeys(context, wrapped, offered.offer)).rejects.toEqual(coded('integrityFailure'))
  })

  test('a region gives keys out as their source only, and takes those only that it has offered to', async () => {
    const elsewhere = { ...context, source: 'ap-test-1' }
    const { offer } = await away.createTransportKey(elsewhere)
    await expect(home.exportVaultKeys(elsewhere, wrapped, offer)).rejects.toThrow('this region is not its source')
    const other = aTransfer({ vaultId: 'ocid1.vault.oc1.eu-test-1.v.other' })
    const forged = await signedBy(home, { ...bundle, context: other })
    await expect(away.importVaultKeys(other, forged, transportKey)).rejects.toThrow('made for another transfer')
  })

  test('a transport key is made by the destination only', async () => {
    await expect(home.createTransportKey(context)).rejects.toEqual(coded('integrityFailure'))
  })

  /** Signed anew by a genuine identity key, as a compromised region could. */
  async function signedBy<D extends TransportOffer | TransferBundle>(hsm: ProvisionedHsm, document: D): Promise<D> {
    return { ...document, signature: (await hsm.sign(unsignedBytes(document))).toString('base64') }
  }

  /** What became of each change: the error's code, or `accepted`. */
  async function outcomes<C>(changes: Record<string, C>, act: (change: C) => Promise<unknown>): Promise<object> {
    const results: [string, unknown][] = []
    for (const [name, change] of Object.entries(changes)) {
      const outcome = await act(change).then(
        () => 'accepted',
        (error: unknown) => (error as { code?: unknown }).code ?? error,
      )
      results.push([name, outcome])
    }
    return Object.fromEntries(results)
  }

  function allRefused(changes: object): object {
    return Object.fromEntries(Object.keys(changes).map((name) => [name, 'integrityFailure']))
  }
})
