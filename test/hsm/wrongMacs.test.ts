import { isKmsError } from '../../lib/errors.ts'
import type { TransportKey, WrappedVaultKeys } from '../../lib/hsm/hsm.ts'
import { openPkcs11Hsm, type Pkcs11Hsm } from '../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { aMaterial, aTransfer, aVault, realm } from './contract/fixtures.ts'
import { troubled, type Trouble } from './tokens/slowToken.ts'
import { describeWithToken, newToken, pins, softHsm } from './tokens/softHsm.ts'

/** More MACs than any of these takes. */
const most = 24

describeWithToken('a token that from one MAC on makes wrong ones, whichever that is', () => {
  const trouble: { -readonly [name in keyof Trouble]: Trouble[name] } = {}
  const vault = aVault()
  const transfer = aTransfer({ destination: 'eu-test-1' })
  let hsm: Pkcs11Hsm
  let wrapped: WrappedVaultKeys

  beforeEach(async () => {
    delete trouble.wrong
    const token = { module: troubled(softHsm(), trouble), label: newToken(), pin: () => pins.pin, now: () => 0 }
    hsm = openPkcs11Hsm({ realm, region: 'eu-test-1', token, generateRsa: knownRsaPair })
    hsm.createTenancyRoot(transfer.tenancyId)
    wrapped = await hsm.createVaultKeys(vault)
  })

  afterEach(() => {
    hsm.close()
  })

  function wrongAfter(right: number): void {
    let made = 0
    trouble.wrong = (name, args) => {
      const mac = args[3]
      // A signature has its room for 4 kB.
      const isMac = name === 'C_Sign' && Buffer.isBuffer(mac) && args[2] !== 48
      if (isMac && ++made > right) mac[0] = (mac[0] ?? 0) ^ 1
    }
  }

  /** What is answered holds once the token is mended. How many were, and how many were refused. */
  async function made<T>(make: () => T | Promise<T>, use: (made: T) => Promise<unknown>): Promise<[number, number]> {
    let [answered, refused] = [0, 0]
    for (let right = 0; right < most; right += 1) {
      wrongAfter(right)
      try {
        const done = await make()
        delete trouble.wrong
        await use(done)
        answered += 1
      } catch (cause) {
        if (trouble.wrong === undefined || !isKmsError(cause, 'unavailable')) throw cause
        delete trouble.wrong
        refused += 1
      }
    }
    return [answered, refused]
  }
  const opens = (row: WrappedVaultKeys) => hsm.openVault(vault, row).generate(aMaterial())

  test('brings no vault under a new root that would not open there', async () => {
    await hsm.rotation.begin()
    const rewrap = () => hsm.rotation.rewrapVaultKeys(vault, wrapped) ?? wrapped
    const [answered, refused] = await made(rewrap, opens)
    expect([answered > 0, refused > 2]).toEqual([true, true])
  })

  test('offers no transport key that would not open', async () => {
    const taken = async (transport: TransportKey) => {
      const bundle = await hsm.exportVaultKeys(transfer, wrapped, transport.offer)
      await opens(await hsm.importVaultKeys(transfer, bundle, transport))
    }
    const [answered, refused] = await made(() => hsm.createTransportKey(transfer), taken)
    expect([answered > 0, refused > 0]).toEqual([true, true])
  })
})
