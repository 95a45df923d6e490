import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSoftwareHsm } from '../../lib/hsm/software/softwareHsm.ts'
import { openSqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'
import { rotateRoot, rowsATurn } from '../../local/hsm/rotateRoot.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { aVault, realm, tenancyId } from './fixtures.ts'
import { rotationContract } from './rotationContract.ts'
import { describeWithToken, newToken, tokenHsm } from './softHsm.ts'

let folder: string
let label: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vaultspan-rotation-'))
})

afterEach(() => {
  rmSync(folder, { recursive: true })
})

describe('in a simulated HSM', () => {
  const open = () =>
    openSoftwareHsm({ realm, region: 'eu-test-1', generateRsa: knownRsaPair, file: join(folder, 'state.json') })
  rotationContract(open, open)

  test('wraps a few rows anew in a turn of the event loop, and looks at a few, so that requests come in between', async () => {
    const hsm = open()
    const store = openSqliteRegionStore({ file: ':memory:', clock: Date.now, newId: randomUUID })
    for (const id of Array.from({ length: 100 }, (_, index) => `vault ${index}`)) {
      const wrapped = { ...(await hsm.createVaultKeys(aVault({ vaultId: id }))) }
      const row = { pk: id, sk: 'vault', id, tenancyId, vaultType: 'DEFAULT', revision: 1 }
      await store.tables.write([
        { op: 'put', table: 'Vaults', item: row },
        { op: 'put', table: 'Vaults', item: { pk: id, sk: 'keys', wrapped } },
      ])
    }
    const counts = { all: 0, inTurn: 0, mostInTurn: 0 }
    const { rotation } = hsm
    const rewrap = rotation.rewrapVaultKeys.bind(rotation)
    rotation.rewrapVaultKeys = (...args) => {
      counts.all += 1
      counts.mostInTurn = Math.max(counts.mostInTurn, ++counts.inTurn)
      return rewrap(...args)
    }
    let next: NodeJS.Immediate | undefined
    const turn = () => {
      counts.inTurn = 0
      next = setImmediate(turn)
    }
    turn()
    expect(await rotateRoot({ name: 'eu-test-1', hsm, store })).toBe(100)
    clearImmediate(next)
    // Once to wrap it, twice to find that it is; our look at each turn may come before its rows or after them.
    expect(counts.all).toBe(300)
    expect(counts.mostInTurn).toBeLessThanOrEqual(2 * rowsATurn)
    store.close()
  })
})

describeWithToken('in a token', () => {
  const again = () => tokenHsm({ generateRsa: knownRsaPair, file: join(folder, 'state.json') }, label)
  rotationContract(
    () => {
      label = newToken(1)
      return again()
    },
    (hsm) => {
      hsm.close()
      return again()
    },
  )
})
