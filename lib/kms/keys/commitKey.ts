import { finishChange } from '../handOffChange.ts'
import type { Change, KmsPorts } from '../kmsPorts.ts'
import { putOver, vaultStands } from '../mutation.ts'
import type { Write } from '../../ports.ts'
import { treeWrites } from '../rows/digestTree.ts'
import { eachVersion } from '../rows/pages.ts'
import type { KeyRow, KeyVersionRow } from '../rows/rows.ts'
import {
  changedVersionsDigest,
  keyDigest,
  versionsDigest,
  type RowsDigest,
  type VersionStep,
} from '../rows/rowsDigest.ts'
import { verifiedRow, keyWithMac, type WithoutMac } from '../rows/rowMac.ts'
import type { Vault } from '../vaultCache.ts'

/** One change of a key as its rows: before, undefined where it is new, and after. */
export interface KeyStep {
  readonly previous: KeyRow | undefined
  readonly next: KeyRow
  readonly versions: readonly VersionStep[]
}

/** The step to a key as it is to be, with the digest of its versions. */
export async function keyStep(
  ports: Pick<KmsPorts, 'tables'>,
  vault: Vault,
  previous: KeyRow | undefined,
  key: WithoutMac<KeyRow>,
  versions: readonly VersionStep[] = [],
): Promise<KeyStep> {
  const versionsDigest = await digestAfter(ports, vault, previous, versions)
  return { previous, next: keyWithMac(vault.keys, { ...key, versionsDigest }), versions }
}

type CommitPorts = Pick<KmsPorts, 'tables' | 'handOff'>

/** Commits a caller's change and hands it off before it is answered. False where another request was faster. */
export async function commitRequested(
  ports: CommitPorts,
  vault: Vault,
  step: KeyStep,
  also: readonly Write[],
): Promise<boolean> {
  if (!(await commitKey(ports, vault, step, also))) return false
  await finishChange(ports, changeOf(vault, step))
  return true
}

/** Commits what the service does by itself. Where the replica cannot be reached now, the stream brings it there. */
export async function commitOwn(
  ports: CommitPorts,
  vault: Vault,
  step: KeyStep,
  also: readonly Write[] = [],
): Promise<boolean> {
  if (!(await commitKey(ports, vault, step, also))) return false
  await ports.handOff.send(changeOf(vault, step))
  return true
}

function changeOf(vault: Vault, { previous, next, versions }: KeyStep): Change {
  return { vault, key: next, versions: versions.map((step) => step.next), before: previous?.revision ?? 0 }
}

const treeAttempts = 8

/**
 * Commits a change of a key with its place in the vault's digests, under the vault as it was read and each row as it was
 * before. False, and nothing is written, where one of these or a condition of `also` does not hold any more.
 */
export async function commitKey(
  { tables }: Pick<KmsPorts, 'tables'>,
  vault: Vault,
  { previous, next, versions }: KeyStep,
  also: readonly Write[] = [],
): Promise<boolean> {
  const rows: readonly Write[] = [
    vaultStands(vault.row),
    putOver('Keys', next, previous),
    ...versions.map((step) => putOver('Keys', step.next, step.previous)),
  ]
  for (let attempt = 1; ; attempt += 1) {
    const tree = await keyTreeWrites(tables, vault, next)
    const outcome = await tables.write([...rows, ...tree, ...also])
    if (outcome.ok) return true
    // Another key of the same leaf was changed meanwhile: only the leaf is read again.
    const leafAt = rows.length + tree.length - 1
    if (attempt === treeAttempts || outcome.failed.some((position) => position !== leafAt)) return false
  }
}

/** A key that an earlier release wrote and nothing has changed since is in no digest until it is reconciled. */
async function keyTreeWrites(tables: KmsPorts['tables'], { row }: Vault, key: KeyRow): Promise<readonly Write[]> {
  const { id, epoch, revision } = key
  if (key.versionsDigest === undefined) return []
  return treeWrites(tables, row.id, { id, epoch, revision, digest: keyDigest(key, key.versionsDigest) })
}

/** What a key's `versionsDigest` is after these steps. */
async function digestAfter(
  { tables }: Pick<KmsPorts, 'tables'>,
  vault: Vault,
  key: KeyRow | undefined,
  steps: readonly VersionStep[],
): Promise<RowsDigest> {
  if (key === undefined) return versionsDigest(steps.map(({ next }) => next))
  if (key.versionsDigest !== undefined) return changedVersionsDigest(key.versionsDigest, steps)
  return countedDigest(tables, vault, key.id, steps)
}

/** The same, counted from the rows that are stored. */
export async function countedDigest(
  tables: Pick<KmsPorts['tables'], 'query'>,
  vault: Vault,
  keyId: string,
  steps: readonly VersionStep[],
): Promise<RowsDigest> {
  const rows = new Map((await storedVersions(tables, vault, keyId)).map((row) => [row.sk, row]))
  for (const { next } of steps) rows.set(next.sk, next)
  return versionsDigest([...rows.values()])
}

/** Every version of a key, DELETED ones too, verified. */
export async function storedVersions(
  tables: Pick<KmsPorts['tables'], 'query'>,
  { keys }: Vault,
  keyId: string,
): Promise<readonly KeyVersionRow[]> {
  const rows: KeyVersionRow[] = []
  for await (const stored of eachVersion(tables, keyId)) {
    rows.push(verifiedRow<KeyVersionRow>(keys, 'vaultspan/key-version-row/1', stored))
  }
  return rows
}
