import type { Hsm, VaultKeys, WrappedVaultKeys } from '../hsm/hsm.ts'
import { canonicalJson, type JsonObject } from '../canonicalJson.ts'
import { KmsError } from '../errors.ts'
import { LruCache } from '../lruCache.ts'
import type { Clock, Tables } from '../ports.ts'
import {
  keySk,
  vaultSk,
  versionSk,
  type KeyRow,
  type KeyVersionRow,
  type RowWithMac,
  type VaultRow,
} from './rows/rows.ts'
import { verifiedRow, vaultContext } from './rows/rowMac.ts'
import { StandIns } from './standIns.ts'

/** A vault as the domain works with it: its verified row and its keys opened in this region's HSM. */
export interface Vault {
  readonly row: VaultRow
  readonly keys: VaultKeys
}

export const vaultKeysSk = 'keys'

export interface VaultKeysRow {
  readonly pk: string
  readonly sk: typeof vaultKeysSk
  readonly wrapped: WrappedVaultKeys & JsonObject
}

/** A vault's keys as this region's HSM wrapped them; undefined where it has none. */
export async function storedVaultKeys(
  tables: Pick<Tables, 'get'>,
  vaultId: string,
): Promise<VaultKeysRow['wrapped'] | undefined> {
  const stored = await tables.get('Vaults', vaultId, vaultKeysSk)
  return (stored as unknown as VaultKeysRow | undefined)?.wrapped
}

/** The KEKs that a vault is saved or sent with; undefined where they were destroyed after its row was read. */
export async function livingVaultKeys(
  tables: Pick<Tables, 'get'>,
  vaultId: string,
): Promise<VaultKeysRow['wrapped'] | undefined> {
  const wrapped = await storedVaultKeys(tables, vaultId)
  if (wrapped === undefined) throw new KmsError('integrityFailure', `The keys of ${vaultId} are missing.`)
  return areDestroyed(wrapped) ? undefined : wrapped
}

function areDestroyed({ hsmKek, softwareKek }: WrappedVaultKeys): boolean {
  return hsmKek === null && softwareKek === null
}

type Loaded = Vault | KeyRow | KeyVersionRow | undefined

interface Entry {
  readonly loadedAt: number
  readonly value: Promise<Loaded> | Loaded
}

/**
 * Vaults, keys and versions, verified once and kept for `maxAgeMs` (KEY_CACHE_MS). Crypto reads through the cache;
 * management reads with `fresh`. A host that sees every write of its region calls `invalidate`, so nothing is stale there.
 */
export class VaultCache {
  readonly #ports: ConstructorParameters<typeof VaultCache>[0]
  readonly #tables: Pick<Tables, 'get'>
  readonly #hsm: Pick<Hsm, 'openVault'>
  readonly #clock: Clock
  readonly #maxAgeMs: number
  readonly #entries: LruCache<Entry>
  readonly standIns: StandIns

  constructor(
    ports: { tables: Pick<Tables, 'get'>; hsm: Pick<Hsm, 'openVault'>; clock: Clock },
    maxAgeMs: number,
    capacity = 20_000,
    standIns = new StandIns(),
  ) {
    this.standIns = standIns
    this.#ports = ports
    this.#tables = ports.tables
    this.#hsm = ports.hsm
    this.#clock = ports.clock
    this.#maxAgeMs = maxAgeMs
    this.#entries = new LruCache(capacity)
  }

  /** The same rows, each read anew. */
  uncached(): VaultCache {
    return new VaultCache(this.#ports, 0, 1, this.standIns)
  }

  vault(vaultId: string): Promise<Vault | undefined> | Vault | undefined {
    return this.#cached(`vault ${vaultId}`, () => this.freshVault(vaultId)) as Promise<Vault | undefined>
  }

  key(keys: VaultKeys, keyId: string): Promise<KeyRow | undefined> | KeyRow | undefined {
    return this.#cached(`key ${keyId}`, () => this.freshKey(keys, keyId)) as Promise<KeyRow | undefined>
  }

  version(
    keys: VaultKeys,
    keyId: string,
    materialId: string,
  ): Promise<KeyVersionRow | undefined> | KeyVersionRow | undefined {
    return this.#cached(`key ${keyId} ${materialId}`, () => this.freshVersion(keys, keyId, materialId)) as Promise<
      KeyVersionRow | undefined
    >
  }

  async freshVault(vaultId: string): Promise<Vault | undefined> {
    const [read, wrapped] = await Promise.all([
      this.#tables.get('Vaults', vaultId, vaultSk),
      storedVaultKeys(this.#tables, vaultId),
    ])
    if (read === undefined || wrapped === undefined) return undefined
    // The two reads are no snapshot: where the KEKs are destroyed, the row that says so may be younger than the one read.
    const isOlder = areDestroyed(wrapped) && read['lifecycleState'] !== 'DELETED'
    const stored = isOlder ? await this.#tables.get('Vaults', vaultId, vaultSk) : read
    if (stored === undefined) return undefined
    // The context is read from the row before its MAC is checked: a false one opens no keys, so the check below cannot pass.
    const unverified = stored as unknown as VaultRow
    if (unverified.id !== vaultId) throw new KmsError('integrityFailure', `The row of ${vaultId} names another vault.`)
    const keys = await this.#opened(unverified, wrapped)
    const row = verifiedRow<VaultRow>(keys, 'vaultspan/vault/1', stored)
    this.standIns.sawVault(row)
    return { row, keys }
  }

  /** What was read may be under a root that was exchanged since, and is gone: it is read once more before it is called altered. */
  async #opened(row: VaultRow, wrapped: VaultKeysRow['wrapped']): Promise<VaultKeys> {
    try {
      return this.#hsm.openVault(vaultContext(row), wrapped)
    } catch (cause) {
      const now = await storedVaultKeys(this.#tables, row.id)
      if (now === undefined || canonicalJson(now) === canonicalJson(wrapped)) throw cause
      return this.#hsm.openVault(vaultContext(row), now)
    }
  }

  async freshKey(keys: VaultKeys, keyId: string): Promise<KeyRow | undefined> {
    const row = await this.#row<KeyRow>(keys, 'vaultspan/key-row/1', keyId, keySk, (found) => found.id === keyId)
    if (row !== undefined) this.standIns.sawKey(row, keys)
    return row
  }

  async freshVersion(keys: VaultKeys, keyId: string, materialId: string): Promise<KeyVersionRow | undefined> {
    const isRight = (row: KeyVersionRow) => row.keyId === keyId && row.materialId === materialId
    return this.#row<KeyVersionRow>(keys, 'vaultspan/key-version-row/1', keyId, versionSk(materialId), isRight)
  }

  /** Drops what was read of a partition: a vault's or a key's OCID. */
  invalidate(table: 'Vaults' | 'Keys', pk: string, sk: string): void {
    if (table === 'Vaults') this.#entries.delete(`vault ${pk}`)
    else this.#entries.delete(sk === keySk ? `key ${pk}` : `key ${pk} ${sk.slice(versionSk('').length)}`)
  }

  async #row<R extends RowWithMac>(
    keys: VaultKeys,
    format: R['format'],
    pk: string,
    sk: string,
    isRight: (row: R) => boolean,
  ): Promise<R | undefined> {
    const stored = await this.#tables.get('Keys', pk, sk)
    if (stored === undefined) return undefined
    const row = verifiedRow<R>(keys, format, stored)
    if (!isRight(row)) throw new KmsError('integrityFailure', `The row ${sk} of ${pk} belongs elsewhere.`)
    return row
  }

  #cached(name: string, load: () => Promise<Loaded>): Promise<Loaded> | Loaded {
    const now = this.#clock()
    const entry = this.#entries.get(name)
    if (entry !== undefined && now - entry.loadedAt < this.#maxAgeMs) return entry.value
    const value = load()
    this.#entries.set(name, { loadedAt: now, value })
    value.then(
      (loaded) => {
        // Only what exists is kept: an absent key may be replicated here in the next millisecond.
        if (this.#entries.get(name)?.value !== value) return
        if (loaded === undefined) this.#entries.delete(name)
        else this.#entries.set(name, { loadedAt: now, value: loaded })
      },
      () => {
        if (this.#entries.get(name)?.value === value) this.#entries.delete(name)
      },
    )
    return value
  }
}
