import { createPublicKey } from 'node:crypto'
import type { KeyShape, SigningAlgorithm, TransferBundle, TransportKey, WrappedVaultKeys } from '../../lib/hsm/hsm.ts'
import { CKA, CKO } from '../../lib/hsm/pkcs11/library/constants.ts'
import { readUlong } from '../../lib/hsm/pkcs11/library/encode.ts'
import { Session } from '../../lib/hsm/pkcs11/token/session.ts'
import { openSoftwareHsm } from '../../lib/hsm/software/softwareHsm.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { aMaterial, aTransfer, aVault, ecdsaShapes, realm, rsa2048, tenancyId } from './contract/fixtures.ts'
import { describeWithToken, newToken, softHsm, tokenHsm } from './tokens/softHsm.ts'

// The contract's RSA pairs come from a fixture; these the token makes, and others open.
describeWithToken('a pair that the token makes', () => {
  const message = Buffer.from('signed there, verified here')

  test.each([
    ['RSA', rsa2048, 'SHA_256_RSA_PKCS_PSS'],
    ['ECDSA', ecdsaShapes.NIST_P521, 'ECDSA_SHA_512'],
  ] satisfies [string, KeyShape, SigningAlgorithm][])(
    'is %s that signs, and after the transfer under a pair of the token signs elsewhere too',
    async (_name, shape, algorithm) => {
      const source = tokenHsm({ allowsSoftwareReplicas: true })
      const away = openSoftwareHsm({ realm, region: 'us-test-1' })
      const root = source.createTenancyRoot(tenancyId)
      await away.acceptStatement(root, source.issueStatement(tenancyId, 'us-test-1', away.identityPublicKey))
      const context = aMaterial({ shape })
      const keys = await source.createVaultKeys(aVault())
      const wrapped = await source.openVault(aVault(), keys).generate(context)
      const transport = await away.createTransportKey(aTransfer())
      const bundle = await source.exportVaultKeys(aTransfer(), keys, transport.offer)
      const there = away.openVault(aVault(), await away.importVaultKeys(aTransfer(), bundle, transport))
      const signAt = (vault: typeof there) => vault.use(context, wrapped, (key) => key.sign(algorithm, 'RAW', message))
      for (const vault of [source.openVault(aVault(), keys), there]) {
        const signature = await signAt(vault)
        const isValid = await there.use(context, wrapped, (key) => key.verify(algorithm, 'RAW', message, signature))
        expect(isValid).toBe(true)
      }
    },
  )

  test('carries a vault from a region without a token into it', async () => {
    const home = openSoftwareHsm({ realm, region: 'eu-test-1' })
    const away = tokenHsm({ region: 'us-test-1' })
    const root = home.createTenancyRoot(tenancyId)
    await away.acceptStatement(root, home.issueStatement(tenancyId, 'us-test-1', away.identityPublicKey))
    const keys = await home.createVaultKeys(aVault())
    const transport = await away.createTransportKey(aTransfer())
    expect(transport.offer).toMatchObject({ keeper: 'token', wraps: ['oaep-sha1'] })
    expect(createPublicKey(transport.offer.publicKey).asymmetricKeyDetails?.modulusLength).toBe(3072)
    const bundle = await home.exportVaultKeys(aTransfer(), keys, transport.offer)
    expect(bundle.format).toBe('vaultspan/transfer-bundle/1+oaep-sha1')
    const imported = await away.importVaultKeys(aTransfer(), bundle, transport)
    const mac = home.openVault(aVault(), keys).rowMac('row')
    expect(away.openVault(aVault(), imported).isRowMac('row', mac)).toBe(true)
  })

  test('under which callers wrap has 4096 bits', async () => {
    const hsm = tokenHsm()
    const vault = hsm.openVault(aVault(), await hsm.createVaultKeys(aVault()))
    const { publicKey = '' } = await vault.generateWrappingKey({ keyId: 'k', materialId: 'ab'.repeat(16) })
    expect(createPublicKey(publicKey).asymmetricKeyDetails?.modulusLength).toBe(4096)
  })
})

describeWithToken('a vault in a token', () => {
  test('does not go to a region that keeps keys in its process, unless that is allowed', async () => {
    const away = openSoftwareHsm({ realm, region: 'us-test-1' })
    const source = tokenHsm()
    const root = source.createTenancyRoot(tenancyId)
    await away.acceptStatement(root, source.issueStatement(tenancyId, 'us-test-1', away.identityPublicKey))
    const keys = await source.createVaultKeys(aVault())
    const { offer } = await away.createTransportKey(aTransfer())
    await expect(source.exportVaultKeys(aTransfer(), keys, offer)).rejects.toThrow('PKCS11_SOFTWARE_REPLICAS=on')
    // What it says of itself is signed.
    const claimed = { ...offer, keeper: 'token' } as const
    await expect(source.exportVaultKeys(aTransfer(), keys, claimed)).rejects.toThrow('does not verify')
  })
})

type Called = 'create' | 'generateKey' | 'wrap' | 'unwrap' | 'attributes'

/** Does the work while each of these calls of any session's is seen, and may be made to fail. */
async function watching<T>(
  seen: (name: Called, result: () => number, session: Session) => void,
  work: () => Promise<T>,
): Promise<T> {
  const names = ['create', 'generateKey', 'wrap', 'unwrap', 'attributes'] as const
  const real = names.map((name) => [name, Object.getOwnPropertyDescriptor(Session.prototype, name)] as const)
  for (const [name, descriptor] of real) {
    const method = descriptor?.value as (this: Session, ...args: unknown[]) => number
    Object.defineProperty(Session.prototype, name, {
      ...descriptor,
      value(this: Session, ...args: unknown[]) {
        let result: number | undefined
        seen(name, () => (result ??= method.apply(this, args)), this)
        return result ?? method.apply(this, args)
      },
    })
  }
  try {
    return await work()
  } finally {
    for (const [name, descriptor] of real) if (descriptor) Object.defineProperty(Session.prototype, name, descriptor)
  }
}

describeWithToken('a transfer between tokens', () => {
  const labels = [newToken(), newToken()] as const
  const [home, away] = [
    tokenHsm({ generateRsa: knownRsaPair }, labels[0]),
    tokenHsm({ region: 'us-test-1', generateRsa: knownRsaPair }, labels[1]),
  ]
  /** Keys of no lasting kind, in all sessions of this process. */
  const objectsIn = (label: string) => {
    const session = Session.open(softHsm(), softHsm().slotOf(label) ?? -1)
    try {
      return session.find([[CKA.TOKEN, false]], 256).length
    } finally {
      session.close()
    }
  }
  let keys: WrappedVaultKeys
  let transport: TransportKey
  let bundle: TransferBundle
  const sends = () => home.exportVaultKeys(aTransfer(), keys, transport.offer)
  const takes = () => away.importVaultKeys(aTransfer(), bundle, transport)
  const offers = () => away.createTransportKey(aTransfer())

  beforeAll(async () => {
    const root = home.createTenancyRoot(tenancyId)
    await away.acceptStatement(root, home.issueStatement(tenancyId, 'us-test-1', away.identityPublicKey))
    keys = await home.createVaultKeys(aVault())
    transport = await offers()
    bundle = await sends()
    await takes()
  })

  test.each<[string, string, () => Promise<unknown>]>([
    ['sends leaves no ephemeral key, KEK or peer’s key in its token', labels[0], sends],
    ['takes leaves no transport key, ephemeral key, KEK or MAC key in its token', labels[1], takes],
    ['offers leaves no transport key in its token', labels[1], offers],
  ])('%s, done or refused, whichever call fails', async (_what, label, work) => {
    const before = objectsIn(label)
    let calls = 0
    await watching(() => {
      calls += 1
    }, work)
    expect(calls).toBeGreaterThan(1)
    expect(objectsIn(label)).toBe(before)
    for (let failing = 1; failing <= calls; failing += 1) {
      let call = 0
      const failed = watching(() => {
        call += 1
        if (call === failing) throw new Error('This call fails.')
      }, work)
      await expect(failed).rejects.toThrow('This call fails.')
      expect([failing, objectsIn(label)]).toEqual([failing, before])
    }
  })

  test('unwraps the transport key and the ephemeral key so that they do not come out again', async () => {
    const unwrapped: (readonly [number, boolean, boolean])[] = []
    await watching((name, result, session) => {
      if (name !== 'unwrap') return
      const read = (type: number) => session.attributes(result(), type)[0] ?? Buffer.alloc(0)
      unwrapped.push([readUlong(read(CKA.CLASS)), read(CKA.SENSITIVE)[0] === 1, read(CKA.EXTRACTABLE)[0] === 1])
    }, takes)
    // Class, sensitive, extractable: the KEK for HSM keys is wrapped once more and tried, and the other two are the process's.
    expect(unwrapped).toEqual([
      [CKO.PRIVATE_KEY, true, false],
      [CKO.SECRET_KEY, true, false],
      [CKO.SECRET_KEY, true, true],
      [CKO.SECRET_KEY, true, false],
      [CKO.SECRET_KEY, true, false],
      [CKO.SECRET_KEY, false, true],
      [CKO.SECRET_KEY, false, true],
    ])
  })
})
