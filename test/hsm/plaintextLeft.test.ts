import type { ProvisionedHsm } from '../../lib/hsm/provisionedHsm.ts'
import { startWatching, stopWatching, watch, watchCalls, watchMaking } from './plaintext/plaintextWatch.ts'

// First: what is imported below is bound to what is watched.
startWatching()
afterAll(stopWatching)
const { twoRegions } = await import('./contract/backends.ts')
const { aVault } = await import('./contract/fixtures.ts')
const { knownRsaPair } = await import('../harness/knownRsaPair.ts')
const { initToken } = await import('../../lib/hsm/pkcs11/ceremony/initToken.ts')
const { adoptSigner, adoptVaultKeys } = await import('../../lib/hsm/pkcs11/ceremony/adoptKeys.ts')
const { partitionToken, regionToken } = await import('../../lib/hsm/pkcs11/roots/regionToken.ts')
const { VaultKeeper } = await import('../../lib/hsm/pkcs11/keys/vaultKeeper.ts')
const { newState } = await import('../../lib/hsm/software/hsmState.ts')
const { rootOf } = await import('../../lib/hsm/software/softwareRoots.ts')
const { Session } = await import('../../lib/hsm/pkcs11/token/session.ts')
const { done, refused } = await import('./plaintext/plaintextFlows.ts')
const { aCeremony, custodianFlows } = await import('./plaintext/plaintextOfCustodians.ts')
const { describeWithToken, newToken, pins, softHsm, softHsmPath } = await import('./tokens/softHsm.ts')
watchMaking(Session, 'open')
watchCalls(Session.prototype, 'create', 'wrap', 'unwrap', 'attributes', 'signBlocks')

beforeAll(async () => {
  // What the fixture computes once for each pair is no plaintext of the HSM's.
  for (const bits of [2048, 3072, 4096]) for (let turn = 0; turn < 16; turn++) await knownRsaPair(bits)
})

interface Left {
  readonly status: string
  readonly reason: unknown
  readonly left: readonly string[]
}

async function leftOf(work: () => unknown): Promise<Left & { readonly calls: number }> {
  const { outcome, left, calls } = await watch(work)
  const reason: unknown = outcome.status === 'rejected' ? outcome.reason : undefined
  return { status: outcome.status, reason, left, calls }
}

/** By itself, and with each call of node:crypto and of the token failing in its turn. */
async function leftInAnyCase(work: () => unknown): Promise<Left> {
  const { calls, ...first } = await leftOf(work)
  const left = [...first.left]
  for (let failing = 0; failing < calls; failing++) {
    const { left: more } = await watch(work, { failing })
    left.push(...more.map((line) => `${line}, where call ${failing} fails`))
  }
  return { ...first, left }
}

const backends = softHsmPath === undefined ? (['software'] as const) : (['software', 'token'] as const)

describe.each(backends)('no plaintext is left in the process (%s)', (backend) => {
  let regions: { home: ProvisionedHsm; away: ProvisionedHsm }

  beforeAll(async () => {
    regions = await twoRegions(backend)
    // A private vault's token is connected to, and tried, once.
    await regions.home.createVaultKeys(aVault({ isPrivate: true }))
  })

  test.each(Object.entries(done))('where %s, whichever call fails', async (_name, flow) => {
    const { home, away } = regions
    expect(await leftInAnyCase(await flow(home, away))).toEqual({ status: 'fulfilled', left: [] })
  })

  test.each(Object.entries(refused))('where %s', async (_name, flow) => {
    const { home, away } = regions
    expect(await leftOf(await flow(home, away))).toMatchObject({
      status: 'rejected',
      reason: { name: 'KmsError' },
      left: [],
    })
  })
})

test.each(Object.entries(custodianFlows))(
  'no plaintext is left where %s, whichever call fails',
  async (_name, flow) => {
    const work = await flow(await aCeremony())
    expect((await leftInAnyCase(work)).left).toEqual([])
  },
)

describeWithToken('no plaintext is left where what was simulated moves into a token', () => {
  const options = (label: string) => ({ module: softHsm(), label, pin: () => pins.pin })

  test('be it a signer, whichever call fails', async () => {
    const token = partitionToken(options(newToken()))
    const move = () => {
      const { identity } = newState('eu-test-1')
      token.bare((session) => {
        adoptSigner(session, 'vaultspan moved', identity)
      })
    }
    expect(await leftInAnyCase(move)).toEqual({ status: 'fulfilled', left: [] })
  })

  test('or a vault’s keys, whichever call fails', async () => {
    const keeper = new VaultKeeper(regionToken(options(newToken())))
    const root = rootOf(newState('eu-test-1'))
    const wrapped = root.createVaultKeys(aVault())
    const move = () => adoptVaultKeys(keeper, aVault(), root.openVaultKeys(aVault(), wrapped))
    keeper.generations()
    expect(await leftInAnyCase(move)).toEqual({ status: 'fulfilled', left: [] })
  })
})

describeWithToken('with PINs that are long enough to be found', () => {
  const long = { soPin: 'the PIN of the officer', pin: 'the PIN of the service' }
  const known = Object.values(long).map((pin) => Buffer.from(pin))
  const label = `test ${process.pid} ${Date.now() % 1e9} PINs`

  test('none is left where a token is made', async () => {
    const { outcome, left } = await watch(() => initToken({ module: softHsm(), label, ...long }), { known })
    expect([outcome, left]).toEqual([{ status: 'fulfilled', value: 'made' }, []])
  })

  test('nor where the token refuses one, or a label is too long', async () => {
    const wrong = await watch(
      () => initToken({ module: softHsm(), label, soPin: long.soPin, pin: 'the PIN of somebody' }),
      {
        known: [...known, Buffer.from('the PIN of somebody')],
      },
    )
    const tooLong = await watch(() => initToken({ module: softHsm(), label: label.padEnd(40, '.'), ...long }), {
      known,
    })
    expect([wrong, tooLong].map(({ outcome: { status }, left }) => [status, left])).toEqual([
      ['rejected', []],
      ['rejected', []],
    ])
  })
})
