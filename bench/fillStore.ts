import { randomUUID } from 'node:crypto'
import type { Tables, Write } from '../lib/ports.ts'
import { createKey } from '../lib/kms/keys/createKey.ts'
import type { ManagePorts } from '../lib/kms/keys/changeKey.ts'
import { systemMutation } from '../lib/kms/systemMutation.ts'
import { meterVersion } from '../lib/kms/usage/metering.ts'
import { VaultCache, type Vault } from '../lib/kms/vaultCache.ts'
import { pooledRandom } from '../lib/pooledRandom.ts'
import { systemTimers } from '../lib/runtime/systemTimers.ts'
import { encodeWrites } from '../lib/store/encodeWrites.ts'
import { ItemStatements } from '../lib/store/sqlite/itemStatements.ts'
import { openSqliteRegionStore, type SqliteRegionStore } from '../lib/store/sqlite/openSqliteRegionStore.ts'
import { HostDirectory } from '../local/directory/hostDirectory.ts'
import { waitForFormer } from '../local/processes/formerProcesses.ts'
import { openRegionHsm } from '../local/hsm/openRegionHsm.ts'
import { tablesWith } from '../lib/tablesWith.ts'

const keysATransaction = 20_000
const fillCache = 'PRAGMA cache_size = -1000000'

export interface Fill {
  readonly directory: string
  readonly region: string
  readonly vaultId: string
  readonly from: number
  readonly to: number
}

/**
 * Fills a vault of a stopped service up to `to` keys; resolves with the ids of at most some 5,000 of them, spread evenly.
 * Each key is made by the product's own code, so that it opens, with its place in the digests and its row in the meter.
 * Left out: signing, HTTP, the audit's events, the stream's changes, and a sync of the disk for each key.
 */
export async function fillStore({ directory: path, region, vaultId, from, to }: Fill): Promise<readonly string[]> {
  await waitForFormer(path, [region])
  const directory = new HostDirectory(path)
  const hsm = openRegionHsm({ region, directory, tokens: null, onChange: () => undefined })
  const file = directory.file('regions', `${region}.db`)
  if (file === undefined) throw new Error('A store in memory is filled by nobody.')
  const store = openSqliteRegionStore({ file, clock: Date.now, newId: randomUUID })
  try {
    store.database.exec(fillCache)
    const cache = new VaultCache({ tables: store.tables, hsm, clock: Date.now }, 60_000)
    const vault = await cache.freshVault(vaultId)
    if (vault === undefined) throw new Error(`There is no vault ${vaultId} in ${region}.`)
    const ports: ManagePorts = {
      tables: plainTables(store),
      cache,
      handOff: { isStrict: false, send: async () => true },
      clock: Date.now,
      timers: systemTimers,
      random: pooledRandom(),
      region,
      serviceLimits: null,
    }
    const sample: string[] = []
    const every = Math.ceil((to - from) / 5000)
    for (let made = from; made < to;) {
      const end = Math.min(to, made + keysATransaction)
      store.database.exec('BEGIN')
      for (; made < end; made += 1) {
        const id = await makeKey(ports, vault, `key ${String(made).padStart(8, '0')}`)
        if (made % every === 0) sample.push(id)
      }
      store.database.exec('COMMIT')
    }
    return sample
  } finally {
    store.close()
    hsm.close()
    directory.close()
  }
}

async function makeKey(ports: ManagePorts, vault: Vault, displayName: string): Promise<string> {
  const { tenancyId } = vault.row
  const mutation = systemMutation(ports, tenancyId, 'ImportVault')
  const { id, vaultId, currentKeyVersion, timeCreated } = await createKey(ports, mutation, vault, {
    compartmentId: tenancyId,
    displayName,
    shape: { algorithm: 'AES', length: 32 },
    protectionMode: 'HSM',
    freeformTags: {},
    definedTags: {},
    rotation: {},
  })
  const version = { id: currentKeyVersion, keyId: id, vaultId, timeCreated, isDeleted: false }
  await meterVersion(ports.tables, version, { tenancyId, isPrimary: true, now: ports.clock() })
  return id
}

/** Writes go straight into the transaction that stands: nobody else has the file, so every condition holds. */
function plainTables({ database, tables }: SqliteRegionStore): Tables {
  const items = new ItemStatements(database)
  return tablesWith(tables, {
    // Only the meter asks, and nothing is known of a new key.
    query: async () => ({ items: [] }),
    write: async (writes) => {
      const puts = writes.filter((write) => write.op === 'put' && !isEvent(write))
      for (const write of encodeWrites(puts, randomUUID())) if (write.put !== undefined) items.put(write, write.put)
      return { ok: true }
    },
  })
}

function isEvent(write: Write): boolean {
  const { pk } = write.op === 'put' ? write.item : write
  return write.table === 'Audit' && !pk.startsWith('meter#')
}
