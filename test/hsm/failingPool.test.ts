import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { initialize } from '../../lib/hsm/pkcs11/ceremony/initialize.ts'
import { initPartition } from '../../lib/hsm/pkcs11/ceremony/initToken.ts'
import { CKR } from '../../lib/hsm/pkcs11/library/constants.ts'
import { openPkcs11Hsm, type Pkcs11Hsm } from '../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import { partitionLabel } from '../../lib/hsm/pkcs11/vaults/partitions.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { aVault, coded, realm } from './contract/fixtures.ts'
import { troubled, type Trouble } from './tokens/slowToken.ts'
import { describeWithToken, newToken, pins, softHsm } from './tokens/softHsm.ts'

const unavailable = expect.objectContaining({ name: 'KmsError', code: 'unavailable', retryAfter: 1 }) as Error
const vault = (name: string) => aVault({ isPrivate: true, vaultId: `ocid1.vault.oc1.eu-test-1.v.${name}` })

describeWithToken('a pool of which tokens fail', () => {
  let folder: string
  let label: string
  let hsm: Pkcs11Hsm
  let trouble: { -readonly [member in keyof Trouble]: Trouble[member] }

  const open = () => {
    const opened = openPkcs11Hsm({
      realm,
      region: 'eu-test-1',
      token: { module: troubled(softHsm(), trouble), label, pin: () => pins.pin },
      file: join(folder, 'state.json'),
    })
    opened.guardState({ known: () => 0, note: () => undefined })
    return opened
  }
  const restart = () => {
    hsm.close()
    hsm = open()
  }
  /** No session is opened in these of the pool. */
  const failing = (...numbers: readonly number[]) => {
    const slots = new Set(numbers.map((number) => softHsm().slotOf(partitionLabel(label, number))))
    trouble.code = (name, [slot]) =>
      name === 'C_OpenSession' && slots.has(Number(slot)) ? CKR.DEVICE_ERROR : undefined
  }

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'vaultspan-pool-'))
    label = newToken(2)
    trouble = {}
    hsm = open()
  })

  afterEach(() => {
    hsm.close()
    rmSync(folder, { recursive: true })
  })

  test('gives a vault another token, and answers 503 where there is none, not that the pool is empty', async () => {
    failing(1)
    await hsm.createVaultKeys(vault('first'))
    await expect(hsm.createVaultKeys(vault('second'))).rejects.toEqual(unavailable)
    expect(hsm.takenPartitions()).toEqual([vault('first')])
    failing()
    await hsm.createVaultKeys(vault('second'))
    expect(hsm.partitionCounts()).toEqual({ free: 0, taken: 2, spent: 0 })
  })

  test('starts, and empties or frees a token when it answers again', async () => {
    await hsm.createVaultKeys(vault('first'))
    failing(1)
    expect(() => {
      hsm.releasePartition(vault('first'), 'isDeleted')
    }).toThrow(unavailable)
    const spent = { free: 1, taken: 0, spent: 1 }
    restart()
    expect(hsm.partitionCounts()).toEqual(spent)
    failing()
    restart()
    hsm.close()
    expect(initPartition({ module: softHsm(), label: partitionLabel(label, 1), ...pins })).toBe('made anew')
    failing(1)
    restart()
    expect(hsm.partitionCounts()).toEqual(spent)
    failing()
    restart()
    expect(hsm.partitionCounts()).toEqual({ free: 2, taken: 0, spent: 0 })
  })

  test('of custodians starts, and what is not theirs is no free one: of another PIN, or without their key', async () => {
    hsm.close()
    rmSync(join(folder, 'state.json'))
    const { publicKey: recoveryKey } = await knownRsaPair(4096)
    label = newToken(0, recoveryKey)
    const module = softHsm()
    initPartition({ module, label: partitionLabel(label, 1), ...pins, recoveryKey })
    initialize({ module, label: partitionLabel(label, 2), ...pins, pin: 'another service’s' })
    initPartition({ module, label: partitionLabel(label, 3), ...pins })
    failing(3)
    hsm = open()
    expect(hsm.partitionCounts().free).toBe(2)
    failing()
    await hsm.createVaultKeys(vault('first'))
    await expect(hsm.createVaultKeys(vault('second'))).rejects.toEqual(coded('limitExceeded'))
    expect(hsm.partitionCounts()).toEqual({ free: 0, taken: 1, spent: 0 })
  })

  test('takes none for one that lacks something, or is broken, because a session was lost while it was looked at', () => {
    let [lost, refused] = [0, 0]
    for (let nth = 1; nth < 80; nth += 1) {
      let calls = 0
      trouble.code = (name) => {
        if ((name !== 'C_UnwrapKey' && name !== 'C_Sign') || ++calls !== nth) return undefined
        lost += 1
        return CKR.SESSION_HANDLE_INVALID
      }
      hsm.close()
      try {
        hsm = open()
      } catch (cause) {
        expect(inspect(cause)).toContain('CKR_SESSION_HANDLE_INVALID')
        refused += 1
        delete trouble.code
        hsm = open()
      }
      delete trouble.code
      expect([nth, hsm.partitionCounts().free]).toEqual([nth, 2])
      if (lost < nth) break
    }
    expect([lost < 79, refused > 3, lost - refused > 3]).toEqual([true, true, true])
  })

  test('starts where a spent token is gone, and counts it no more', async () => {
    await hsm.createVaultKeys(vault('first'))
    hsm.releasePartition(vault('first'), 'isDeleted')
    restart()
    expect(hsm.partitionCounts()).toEqual({ free: 1, taken: 0, spent: 1 })
    const module = softHsm()
    initialize({ module, label: `gone ${label}`, ...pins }, module.slotOf(partitionLabel(label, 1)))
    restart()
    expect(hsm.partitionCounts()).toEqual({ free: 1, taken: 0, spent: 0 })
    initPartition({ module, label: partitionLabel(label, 1), ...pins })
    restart()
    expect(hsm.partitionCounts()).toEqual({ free: 2, taken: 0, spent: 0 })
  })
})
