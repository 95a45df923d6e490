import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { VaultContext, WrappedVaultKeys } from '../../lib/hsm/hsm.ts'
import { CKU } from '../../lib/hsm/pkcs11/library/constants.ts'
import { initPartition } from '../../lib/hsm/pkcs11/ceremony/initToken.ts'
import { partitionLabel } from '../../lib/hsm/pkcs11/vaults/partitions.ts'
import { openPkcs11Hsm, type Pkcs11Hsm } from '../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import { macRootOf, regionToken } from '../../lib/hsm/pkcs11/roots/regionToken.ts'
import { Session } from '../../lib/hsm/pkcs11/token/session.ts'
import { TokenState } from '../../lib/hsm/pkcs11/roots/tokenState.ts'
import { cutOffRotation } from './tokens/cutOffRotation.ts'
import { aMaterial, aVault, coded, realm } from './contract/fixtures.ts'
import { describeWithToken, newToken, pins, softHsm } from './tokens/softHsm.ts'

const message = Buffer.from('a message')
const first = aVault({ isPrivate: true, vaultId: 'ocid1.vault.oc1.eu-test-1.v.first' })
const second = aVault({ isPrivate: true, vaultId: 'ocid1.vault.oc1.eu-test-1.v.second' })
const third = aVault({ isPrivate: true, vaultId: 'ocid1.vault.oc1.eu-test-1.v.third' })

/** What a region's state is signed by. */
function macsOf(label: string) {
  const token = regionToken({ module: softHsm(), label, pin: () => pins.pin })
  return [macRootOf(token, 1)]
}

describeWithToken('a private vault’s token', () => {
  let folder: string
  let label: string
  let hsm: Pkcs11Hsm
  let pin: () => string

  let noted: number
  /** As a region's rows do. */
  const notes = {
    known: () => noted,
    note: (revision: number) => {
      noted = revision
    },
  }

  const open = (region = 'eu-test-1') => {
    const opened = openPkcs11Hsm({
      realm,
      region,
      token: { module: softHsm(), label, pin: () => pin() },
      file: join(folder, 'state.json'),
    })
    opened.guardState(notes)
    return opened
  }

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'vaultspan-partitions-'))
    label = newToken(2)
    pin = () => pins.pin
    noted = 0
    hsm = open()
  })

  afterEach(() => {
    hsm.close()
    rmSync(folder, { recursive: true })
  })

  function restarted(): Pkcs11Hsm {
    hsm.close()
    hsm = open()
    return hsm
  }

  /** How many objects lie in it. */
  function objectsIn(number: number): number {
    const module = softHsm()
    const session = Session.open(module, module.slotOf(partitionLabel(label, number)) ?? -1)
    try {
      try {
        session.login(CKU.USER, pins.pin)
      } catch {
        // Logged in already: the login is the process's.
      }
      return session.find([]).length
    } finally {
      session.close()
    }
  }

  async function encrypted(context: VaultContext, wrapped: WrappedVaultKeys) {
    const vault = hsm.openVault(context, wrapped)
    const key = await vault.generate(aMaterial())
    const ciphertext = await vault.use(aMaterial(), key, (used) => used.encrypt('AES_256_GCM', message, {}))
    const opens = async () =>
      hsm.openVault(context, wrapped).use(aMaterial(), key, (used) => used.decrypt('AES_256_GCM', ciphertext, {}))
    return { opens, key }
  }

  test('is its own, and the pool is empty when each has a vault', async () => {
    expect(hsm.partitionCounts()).toEqual({ free: 2, taken: 0, spent: 0 })
    const [one, two] = [await hsm.createVaultKeys(first), await hsm.createVaultKeys(second)]
    expect([one.format, two.format]).toEqual(['vaultspan/vault-keys/1+partition', 'vaultspan/vault-keys/1+partition'])
    expect(hsm.partitionCounts()).toEqual({ free: 0, taken: 2, spent: 0 })
    await expect(hsm.createVaultKeys(third)).rejects.toThrow('makes more with "hsm init --private"')
    await expect(hsm.createVaultKeys(third)).rejects.toEqual(coded('limitExceeded'))
    expect((await hsm.createVaultKeys(aVault())).format).toBe('vaultspan/vault-keys/1+token')
    const { opens } = await encrypted(first, one)
    restarted()
    expect(await opens()).toEqual(message)
    // Neither the other's token nor the region's opens it, whatever a row says.
    expect(() => hsm.openVault(second, one)).toThrow(coded('integrityFailure'))
    const asRegions = { ...one, format: 'vaultspan/vault-keys/1+token' } as const
    expect(() => hsm.openVault(first, asRegions)).toThrow(coded('integrityFailure'))
    const mixed = { ...two, hsmKek: one.hsmKek }
    expect(() => hsm.openVault(second, mixed)).toThrow(coded('integrityFailure'))
  })

  test('is emptied when the vault is deleted, stays spent over a restart, and is free once hsm init has made it anew', async () => {
    const wrapped = await hsm.createVaultKeys(first)
    const { opens, key } = await encrypted(first, wrapped)
    const destroyed = hsm.withoutKeks(first, wrapped)
    hsm.releasePartition(first, 'isDeleted')
    expect(objectsIn(1)).toBe(0)
    await expect(opens()).rejects.toEqual(coded('integrityFailure'))
    for (const each of [hsm, restarted()]) {
      expect([each.partitionCounts(), each.takenPartitions()]).toEqual([{ free: 1, taken: 0, spent: 1 }, []])
      // The rows of a deleted vault still verify.
      expect(each.openVault(first, destroyed).rowMac('row')).toHaveLength(16)
      expect(() => each.openVault(first, wrapped)).toThrow(coded('integrityFailure'))
    }
    await hsm.createVaultKeys(second)
    await expect(hsm.createVaultKeys(third)).rejects.toEqual(coded('limitExceeded'))
    hsm.close()
    expect(initPartition({ module: softHsm(), label: partitionLabel(label, 1), ...pins })).toBe('made anew')
    expect(initPartition({ module: softHsm(), label: partitionLabel(label, 2), ...pins })).toBe('there already')
    const own = await restarted().createVaultKeys(third)
    expect(hsm.partitionCounts()).toEqual({ free: 0, taken: 2, spent: 0 })
    const vault = hsm.openVault(third, own)
    expect(() => hsm.openVault(first, wrapped)).toThrow(coded('integrityFailure'))
    await expect(vault.use(aMaterial(), key, () => undefined)).rejects.toEqual(coded('integrityFailure'))
  })

  test.each([
    ['of which each token has its new root at the beginning', 4],
    ['that a crash cut off before its turn', 2],
  ])('loses its former roots when a rotation ends %s: what they wrapped opens no more', async (_which, atFirst) => {
    const wrapped = await hsm.createVaultKeys(first)
    if (atFirst === 2) {
      hsm.close()
      cutOffRotation(label, join(folder, 'state.json'))
      restarted()
      expect(hsm.rotation.isRotating()).toBe(true)
    }
    await hsm.rotation.begin()
    const own = partitionLabel(label, 1)
    const roots = () =>
      hsm
        .describeTokens()
        .find((token) => token.label === own)
        ?.keys.map((key) => key.label)
    expect(roots()).toHaveLength(atFirst)
    const next = hsm.rotation.rewrapVaultKeys(first, wrapped)
    if (next === undefined) throw new Error('It was under the former root.')
    expect(roots()).toHaveLength(4)
    await hsm.rotation.end()
    expect(roots()).toEqual(['vaultspan root: wrapping 2', 'vaultspan root: MAC 2'])
    expect(() => hsm.openVault(first, wrapped)).toThrow()
    hsm.openVault(first, next)
  })

  test('goes back with new roots where the vault never came to be', async () => {
    const lost = await hsm.createVaultKeys(first)
    hsm.releasePartition(first, 'neverWas')
    hsm.releasePartition(first, 'neverWas')
    expect(hsm.partitionCounts()).toEqual({ free: 2, taken: 0, spent: 0 })
    await hsm.createVaultKeys(second)
    await hsm.createVaultKeys(first)
    expect(() => hsm.openVault(first, lost)).toThrow(coded('integrityFailure'))
  })

  test('stays with its vault over a crash, and is given to it again, not to another', async () => {
    await hsm.createVaultKeys(first)
    for (const other of [{ tenancyId: 'other' }, { realm: 'oc2' }, { isPrivate: false }])
      restarted().releasePartition({ ...first, ...other }, 'isDeleted')
    expect(hsm.takenPartitions()).toEqual([first])
    await hsm.createVaultKeys(first)
    expect([hsm.partitionCounts(), objectsIn(1)]).toEqual([{ free: 1, taken: 1, spent: 0 }, 3])
  })

  test.each([
    ['neverWas', { free: 2, taken: 0, spent: 0 }],
    ['isDeleted', { free: 1, taken: 0, spent: 1 }],
  ] as const)('a release (%s) that was cut off half way is finished at the next start', async (why, counts) => {
    const wrapped = await hsm.createVaultKeys(first)
    pin = () => {
      throw new Error('as if the process ended here')
    }
    expect(() => {
      hsm.releasePartition(first, why)
    }).toThrow('as if the process ended here')
    expect(objectsIn(1)).toBe(3)
    pin = () => pins.pin
    restarted()
    expect(hsm.partitionCounts()).toEqual(counts)
    expect(objectsIn(1)).toBe(why === 'isDeleted' ? 0 : 2)
    expect(() => hsm.openVault(first, wrapped)).toThrow(coded('integrityFailure'))
  })

  describe('whose state was put back to an older copy', () => {
    let first1: WrappedVaultKeys
    let older: string
    const file = () => join(folder, 'state.json')
    const putBack = () => {
      hsm.close()
      writeFileSync(file(), older)
    }

    /** The token was another vault's once, which is deleted, and was made anew for the first. */
    beforeEach(async () => {
      const gone = await hsm.createVaultKeys(second)
      hsm.withoutKeks(second, gone)
      hsm.releasePartition(second, 'isDeleted')
      older = readFileSync(file(), 'utf8')
      hsm.close()
      initPartition({ module: softHsm(), label: partitionLabel(label, 1), ...pins })
      hsm = open()
      first1 = await hsm.createVaultKeys(first)
    })

    test('does not start where the rows know of the newer one', () => {
      putBack()
      expect(open).toThrow(`The HSM state ${file()} is an older copy: it has change 3`)
    })

    test('gives a token that names its vault to no other, and empties it for none', async () => {
      const { opens } = await encrypted(first, first1)
      const newest = readFileSync(file(), 'utf8')
      putBack()
      noted = 0
      hsm = open()
      // One is left, and it is the other.
      await hsm.createVaultKeys(third)
      await expect(hsm.createVaultKeys(second)).rejects.toEqual(coded('limitExceeded'))
      hsm.releasePartition(third, 'isDeleted')
      hsm.close()
      writeFileSync(file(), newest)
      noted = 0
      hsm = open()
      expect(await opens()).toEqual(message)
    })

    test('does not empty a token for the vault that had it before', async () => {
      const { opens } = await encrypted(first, first1)
      const newest = readFileSync(file(), 'utf8')
      // As the state was while the deleted vault had it.
      hsm.close()
      const state = new TokenState('eu-test-1', label, file(), () => macsOf(label))
      const { realm, tenancyId, vaultId } = second
      state.setPartition(partitionLabel(label, 1), { phase: 'taken', vault: { realm, tenancyId, vaultId } })
      noted = 0
      hsm = open()
      expect(() => {
        hsm.releasePartition(second, 'isDeleted')
      }).toThrow('the token is another vault')
      hsm.close()
      writeFileSync(file(), newest)
      noted = 0
      hsm = open()
      expect(await opens()).toEqual(message)
    })
  })

  test('is not given away by whoever writes to the state', async () => {
    await hsm.createVaultKeys(first)
    hsm.close()
    const file = join(folder, 'state.json')
    writeFileSync(file, readFileSync(file, 'utf8').replace('v.first', 'v.other'))
    expect(open).toThrow('was not written with the token')
    writeFileSync(file, readFileSync(file, 'utf8').replace('v.other', 'v.first'))
    hsm = open()
  })

  test('keeps what a backup brings, and what a transfer brings', async () => {
    const backup = {
      context: aVault({ isPrivate: true, vaultId: 'backup.t' }),
      wrapped: await hsm.createVaultKeys(aVault({ isPrivate: true, vaultId: 'backup.t' })),
    }
    expect(backup.wrapped.format).toBe('vaultspan/vault-keys/1+token')
    const wrapped = await hsm.createVaultKeys(first)
    const saved = hsm.backUpVaultKeys(backup, { context: first, wrapped })
    const restored = await hsm.restoreVaultKeys(backup, first, saved, second)
    expect(restored.format).toBe('vaultspan/vault-keys/1+partition')
    expect(hsm.partitionCounts()).toEqual({ free: 0, taken: 2, spent: 0 })
    const mac = hsm.openVault(first, wrapped).rowMac('row')
    expect(hsm.openVault(second, restored).isRowMac('row', mac)).toBe(true)
    // What is no backup takes none.
    hsm.releasePartition(second, 'neverWas')
    const other = { ...backup, wrapped: await hsm.createVaultKeys(backup.context) }
    await expect(hsm.restoreVaultKeys(other, first, saved, second)).rejects.toThrow(coded('integrityFailure'))
    expect(hsm.partitionCounts()).toEqual({ free: 1, taken: 1, spent: 0 })
  })
})
