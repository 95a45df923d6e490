import { createSecretKey, randomUUID } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, statSync, writeSync } from 'node:fs'
import { adoptRegion, type AdoptingRegion } from '../../lib/hsm/pkcs11/ceremony/adoptRegion.ts'
import type { VaultContext, WrappedVaultKeys } from '../../lib/hsm/hsm.ts'
import type { PartitionEntry } from '../../lib/hsm/partitionEntry.ts'
import { requireOwnTokens } from '../../lib/hsm/pkcs11/ceremony/ownTokens.ts'
import { hasPartition, type PartitionStore } from '../../lib/hsm/pkcs11/vaults/partitions.ts'
import { Pkcs11Module } from '../../lib/hsm/pkcs11/library/pkcs11Module.ts'
import { requireTokensFor } from '../../lib/hsm/pkcs11/ceremony/requireTokensFor.ts'
import { Cmac } from '../../lib/hsm/primitives/cmac.ts'
import { parseState, type HsmState } from '../../lib/hsm/software/hsmState.ts'
import { VaultRoot } from '../../lib/hsm/software/vaultRoot.ts'
import { backupContext } from '../../lib/kms/backup/backupKeys.ts'
import { vaultContext } from '../../lib/kms/rows/rowMac.ts'
import { vaultSk, type VaultRow } from '../../lib/kms/rows/rows.ts'
import { vaultKeysSk } from '../../lib/kms/vaultCache.ts'
import { transportPk } from '../../lib/kms/vaults/partition.ts'
import { realm } from '../../lib/ocid.ts'
import { openSqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'
import { parseJson } from '../../lib/parseJson.ts'
import { UserError } from '../../lib/userError.ts'
import { HostDirectory } from '../directory/hostDirectory.ts'
import { storedRegions } from '../directory/storedRegions.ts'
import { noRegion } from '../names/noRegion.ts'
import { forgetMigration, migrationDraft, noteMigration } from './cutOffMigration.ts'
import { pinFrom } from './pin.ts'
import { revisionNotes } from './revisionNotes.ts'
import { useOwnTokens } from './softHsmConfig.ts'
import { requireReplicasInTokens } from './softwareReplicas.ts'
import { tokenOwner } from './tokenOwner.ts'
import { tokenLabel, type TokenSettings } from './tokenSettings.ts'

type Store = ReturnType<typeof openSqliteRegionStore>

const backupPk = 'backup#'

/**
 * Brings a simulated region's keys into its token, with the service stopped: first the identity and the tenancies' roots, then
 * all vaults' keys in one transaction, then the region's state in place of the simulated one, whose file is overwritten.
 * Begun again after a crash, it goes on. Resolves with lines for a person. @throws UserError
 */
export async function migrateRegion(data: string, region: string, tokens: TokenSettings): Promise<readonly string[]> {
  if (!existsSync(`${data}/host.db`))
    throw new UserError(`There is no cloud in ${data}; name its directory with --data.`)
  const directory = new HostDirectory(data)
  try {
    const file = directory.file('hsm', `${region}.json`) ?? ''
    const draft = migrationDraft(data, region)
    if (!existsSync(file)) throw new UserError(noRegion(region, storedRegions(data), ` in ${data}`))
    const text = readFileSync(file, 'utf8')
    if (text.includes('"vaultspan/pkcs11-hsm/')) {
      forgetMigration(data, region)
      return [`  ${region}  has its keys in a token; nothing is changed`]
    }
    const state = parseState(file, text, region)
    if (state.formerRoot !== undefined)
      throw new UserError(
        `The root of ${region} is being rotated; start the service once more and let that end (hsm rotate-root).`,
      )
    useOwnTokens(tokens.module, data)
    const token = {
      module: Pkcs11Module.load(tokens.module, tokens.initArguments),
      label: tokenLabel(tokens, region),
      owner: tokenOwner(data),
      pin: () => pinFrom(tokens.pinFile),
    }
    requireOwnTokens(token, false)
    const store = openSqliteRegionStore({
      file: directory.file('regions', `${region}.db`) ?? '',
      clock: Date.now,
      newId: randomUUID,
    })
    try {
      // What is refused is refused before the token is touched.
      requireReplicasInTokens(store, region, tokens, directory)
      requireNoneOnItsWay(store, region)
      const rows = keysIn(store)
      const vaults = rows.filter(isInPartition).map(({ context }) => context)
      const left = existsSync(draft) ? readFileSync(draft, 'utf8') : undefined
      requireTokensFor(vaults, partitionsIn(left), token)
      const begin = () => {
        noteMigration(data, region)
      }
      const adopting = adoptRegion({ region, realm, state, file: draft, token, vaults, begin })
      try {
        const moved = moveRows(store, state, adopting, rows)
        putInPlace(file, draft)
        forgetMigration(data, region)
        return [
          `  ${region}  ${moved} vaults’ keys are in the token ${tokenLabel(tokens, region)} now, with the identity; its file is overwritten`,
          `  ${region}  start it with HSM=pkcs11 from now on, with PKCS11_REGIONS where others are simulated`,
        ]
      } finally {
        adopting.close()
      }
    } finally {
      store.close()
    }
  } finally {
    directory.close()
  }
}

/** @throws UserError */
function requireNoneOnItsWay({ database }: Store, region: string): void {
  const waiting = database
    .prepare(`SELECT count(*) AS n FROM item WHERE tbl = 'Replication' AND pk LIKE ?`)
    .get(`${transportPk('')}%`)?.['n']
  if (waiting !== 0)
    throw new UserError(
      `A replica is being made in ${region}, whose keys are on their way; start the service once more until it is there.`,
    )
}

interface KeysRow {
  readonly pk: string
  readonly sk: string
  readonly body: { readonly wrapped: WrappedVaultKeys }
  readonly context: VaultContext
}

/** Of all vaults, and of the tenancies' backups. */
function keysIn({ database }: Store): readonly KeysRow[] {
  const vaultOf = database.prepare(`SELECT body FROM item WHERE tbl = 'Vaults' AND pk = ? AND sk = '${vaultSk}'`)
  return database
    .prepare(`SELECT pk, sk, body FROM item WHERE tbl = 'Vaults' AND (sk = '${vaultKeysSk}' OR sk = 'backupKeys')`)
    .all()
    .flatMap((row) => {
      const [pk, sk] = [String(row['pk']), String(row['sk'])]
      const body = parseJson(String(row['body'])) as KeysRow['body']
      if (sk !== vaultKeysSk) return [{ pk, sk, body, context: backupContext(pk.slice(backupPk.length)) }]
      const vault = vaultOf.get(pk)?.['body']
      return vault === undefined ? [] : [{ pk, sk, body, context: vaultContext(parseJson(String(vault)) as VaultRow) }]
    })
}

/** Of a vault that is deleted its MAC key is left, which the region keeps. */
function isInPartition({ context, body: { wrapped } }: KeysRow): boolean {
  return hasPartition(context) && wrapped.hsmKek !== null && wrapped.softwareKek !== null
}

function partitionsIn(draft: string | undefined): Readonly<Record<string, PartitionEntry>> {
  const { partitions = {} } = draft === undefined ? {} : (parseJson(draft) as Partial<PartitionStore>)
  return partitions
}

/** All or none: a crash before the end leaves every row as it was. */
function moveRows(store: Store, state: HsmState, adopting: AdoptingRegion, rows: readonly KeysRow[]): number {
  const { database } = store
  const root = new VaultRoot(new Cmac(createSecretKey(Buffer.from(state.root, 'base64'))))
  const put = database.prepare(`UPDATE item SET body = ? WHERE tbl = 'Vaults' AND pk = ? AND sk = ?`)
  database.exec('BEGIN IMMEDIATE')
  try {
    for (const { pk, sk, body, context } of rows) {
      const wrapped = adopting.adopt(root, context, body.wrapped)
      if (wrapped !== undefined) put.run(JSON.stringify({ ...body, wrapped }), pk, sk)
    }
    // From here on the simulated state is the older one.
    revisionNotes(store).note(adopting.revision())
    database.exec('COMMIT')
  } catch (cause) {
    if (database.inTransaction) database.exec('ROLLBACK')
    throw cause
  }
  return rows.filter(({ sk }) => sk === vaultKeysSk).length
}

/** The state of the token takes the simulated one's place in one step; what the latter's file held is overwritten then. */
function putInPlace(file: string, draft: string): void {
  const former = openSync(file, 'r+')
  try {
    const { size } = statSync(file)
    renameSync(draft, file)
    writeSync(former, Buffer.alloc(size), 0, size, 0)
    fsyncSync(former)
  } finally {
    closeSync(former)
  }
}
