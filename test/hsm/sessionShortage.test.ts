import { CKR } from '../../lib/hsm/pkcs11/library/constants.ts'
import { Pkcs11Error } from '../../lib/hsm/pkcs11/library/pkcs11Error.ts'
import { openPkcs11Hsm } from '../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import type { Session } from '../../lib/hsm/pkcs11/token/session.ts'
import { SessionPool } from '../../lib/hsm/pkcs11/token/sessionPool.ts'
import { aMaterial, aVault, ecdsaShapes, realm } from './contract/fixtures.ts'
import { troubled, type Trouble } from './tokens/slowToken.ts'
import { describeWithToken, newToken, pins, softHsm } from './tokens/softHsm.ts'

const message = Buffer.from('through all of it')

describeWithToken('a library that has fewer sessions than we would take', () => {
  test('loses nothing: those that there are go round, and it is asked for more half a minute later', async () => {
    let now = 1_000_000
    let left = 0
    const calls = { refused: 0, lookedUp: 0 }
    const trouble: { code?: NonNullable<Trouble['code']> } = {}
    const token = { module: troubled(softHsm(), trouble), label: newToken(), pin: () => pins.pin, now: () => now }
    const hsm = openPkcs11Hsm({ realm, region: 'eu-test-1', token })
    try {
      const vault = hsm.openVault(aVault(), await hsm.createVaultKeys(aVault()))
      const ec = aMaterial({ shape: ecdsaShapes.NIST_P256 })
      const key = await vault.generate(ec)
      const signAtOnce = () =>
        Promise.all(
          Array.from({ length: 24 }, () => vault.use(ec, key, (each) => each.sign('ECDSA_SHA_256', 'RAW', message))),
        )
      trouble.code = (name) => {
        if (name === 'C_FindObjectsInit') calls.lookedUp += 1
        if (name !== 'C_OpenSession' || left-- > 0) return undefined
        calls.refused += 1
        return CKR.SESSION_COUNT
      }
      left = 3
      expect(await signAtOnce()).toHaveLength(24)
      expect(await signAtOnce()).toHaveLength(24)
      expect(calls.refused).toBe(1)
      now += 30_000
      expect(await signAtOnce()).toHaveLength(24)
      // It was connected all the time.
      expect(calls).toEqual({ refused: 2, lookedUp: 0 })
      expect(hsm.awayTokens()).toEqual([])
    } finally {
      hsm.close()
    }
  })
})

test('where none is ours there is nobody to wait for, and that is no loss either', async () => {
  const pool = new SessionPool((): Session => {
    throw new Pkcs11Error('C_OpenSession', CKR.SESSION_COUNT)
  })
  await expect(pool.use(() => Promise.resolve())).rejects.toMatchObject({
    name: 'KmsError',
    code: 'unavailable',
    retryAfter: 1,
  })
})
