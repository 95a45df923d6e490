import { randomUUID } from 'node:crypto'
import type { ProvisionedHsm } from '../lib/hsm/provisionedHsm.ts'
import { openSqliteRegionStore } from '../lib/store/sqlite/openSqliteRegionStore.ts'
import { rotateRoot } from '../local/hsm/rotateRoot.ts'
import { goal } from './hsmLines.ts'
import { context } from './hsmWork.ts'
import { Standstill } from './standstill.ts'

export async function benchRotation(name: string, hsm: ProvisionedHsm, vaults: number): Promise<void> {
  const store = openSqliteRegionStore({ file: ':memory:', clock: Date.now, newId: randomUUID })
  for (let from = 0; from < vaults; from += 40) {
    const ids = Array.from({ length: Math.min(40, vaults - from) }, (_, index) => `vault ${from + index}`)
    await store.tables.write(
      (
        await Promise.all(
          ids.map(async (id) => {
            const row = { pk: id, sk: 'vault', id, tenancyId: 't', vaultType: 'DEFAULT', revision: 1 }
            const wrapped = await hsm.createVaultKeys({ ...context, vaultId: id })
            return [row, { pk: id, sk: 'keys', wrapped: { ...wrapped } }]
          }),
        )
      )
        .flat()
        .map((item) => ({ op: 'put', table: 'Vaults', item }) as const),
    )
  }
  const [started, before, watch] = [performance.now(), process.cpuUsage(), new Standstill()]
  const rewrapped = await rotateRoot({ name, hsm, store })
  const { user, system } = process.cpuUsage(before)
  watch.close()
  const stood = watch.take()
  console.log(`  ${name}: rotate-root took ${((user + system) / 1e6).toFixed(2)} s of CPU`)
  goal(`${name}: the event loop stood still while roots were rotated, ms`, stood.wall, 20, 'at most')
  console.log(`    it computed for at most ${stood.computing.toFixed(2)} ms without coming round`)
  goal(
    `${name}: rotate-root of ${rewrapped} vaults, s`,
    (performance.now() - started) / 1_000,
    (60 * vaults) / 10_000,
    'at most',
  )
  store.close()
  hsm.close()
}
