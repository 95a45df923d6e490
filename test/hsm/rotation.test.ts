import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSoftwareHsm } from '../../lib/hsm/software/softwareHsm.ts'
import { openSqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'
import { rotateRoot, rowsATurn, turnMs } from '../../local/hsm/rotateRoot.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { aVault, realm, tenancyId } from './contract/fixtures.ts'
import { rotationContract } from './contract/rotationContract.ts'
import { describeWithToken, newToken, tokenHsm } from './tokens/softHsm.ts'

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

  test.each([
    ['no time', 0, rowsATurn],
    ['two fifths of the time of a turn', turnMs * 0.4, 3],
    ['more time than a turn has', turnMs * 2, 1],
  ])(
    'rows that take %s each end a turn of the event loop, so that requests come in between',
    async (_what, ms, most) => {
      const hsm = open()
      const store = openSqliteRegionStore({ file: ':memory:', clock: Date.now, newId: randomUUID })
      for (const id of Array.from({ length: 25 }, (_, index) => `vault ${index}`)) {
        const wrapped = { ...(await hsm.createVaultKeys(aVault({ vaultId: id }))) }
        const row = { pk: id, sk: 'vault', id, tenancyId, vaultType: 'DEFAULT', revision: 1 }
        await store.tables.write([
          { op: 'put', table: 'Vaults', item: row },
          { op: 'put', table: 'Vaults', item: { pk: id, sk: 'keys', wrapped } },
        ])
      }
      const counts = { all: 0, inTurn: 0, mostInTurn: 0 }
      let now = 1_000
      const { rotation } = hsm
      const rewrap = rotation.rewrapVaultKeys.bind(rotation)
      rotation.rewrapVaultKeys = (...args) => {
        now += ms
        counts.all += 1
        counts.mostInTurn = Math.max(counts.mostInTurn, ++counts.inTurn)
        // Whatever waits for the event loop comes before the next turn.
        if (counts.inTurn === 1)
          setImmediate(() => {
            counts.inTurn = 0
          })
        return rewrap(...args)
      }
      expect(await rotateRoot({ name: 'eu-test-1', hsm, store }, () => now)).toBe(25)
      // Once to wrap it, twice to find that it is.
      expect(counts.all).toBe(3 * 25)
      expect(counts.mostInTurn).toBe(most)
      store.close()
    },
  )
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
