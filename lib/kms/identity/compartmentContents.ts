import { KmsError, notFoundOrForbidden } from '../../errors.ts'
import { identitySk, type CompartmentRow, type SubcompartmentRow } from './identityRows.ts'
import { eachPage } from '../rows/pages.ts'
import type { Item, PageRequest, TableName, Tables, Write } from '../../ports.ts'
import { keySk, vaultSk } from '../rows/rows.ts'

/**
 * What is in a compartment, so that only an empty one is deleted. Every vault and key leaves a mark by its compartment's
 * OCID, so that none is missed: listings go by an index, which may lag. The tenancy itself is never deleted, so what
 * is in it needs neither mark nor check.
 */

/** A vault or a key, by the table its row is in. */
export interface Contained {
  readonly table: 'Vaults' | 'Keys'
  readonly id: string
}

const rowSk = { Vaults: vaultSk, Keys: keySk } as const satisfies Partial<Record<TableName, string>>

interface MarkItem extends Item {
  readonly table: keyof typeof rowSk
}

/** Those into which something may come, as far as a cached row tells: the write itself decides (compartmentStands). */
export function activeIds(compartments: readonly CompartmentRow[]): ReadonlySet<string> {
  return new Set(
    compartments.filter((row) => row.parentId === null || row.lifecycleState === 'ACTIVE').map(({ id }) => id),
  )
}

function markPk(compartmentId: string): string {
  return `in#${compartmentId}`
}

/**
 * @throws KmsError incorrectState, which clients try again, while the compartment is being deleted: it may be ACTIVE
 * again; conflict, which they do not, when it is gone.
 */
export async function requireCompartmentActive(
  { tables }: { readonly tables: Pick<Tables, 'get'> },
  tenancyId: string,
  compartmentId: string,
): Promise<void> {
  if (compartmentId === tenancyId) return
  const row = await tables.get('Identity', tenancyId, identitySk.compartment(compartmentId))
  if (row === undefined) throw notFoundOrForbidden({ name: 'noSuchCompartment', compartmentId })
  const state = (row as Pick<SubcompartmentRow, 'lifecycleState'> & Item).lifecycleState
  if (state === 'ACTIVE') return
  const code = state === 'DELETED' ? 'conflict' : 'incorrectState'
  throw new KmsError(code, `The compartment ${compartmentId} is ${state}; use an ACTIVE one.`)
}

/**
 * For the transaction of whatever comes into a compartment: it commits only while the compartment is ACTIVE in this
 * region. So what commits before a region applies a deletion is seen by the region's vote, and nothing commits after.
 */
export function compartmentStands(tenancyId: string, compartmentId: string): readonly Write[] {
  if (compartmentId === tenancyId) return []
  const condition = { kind: 'fields', fields: { lifecycleState: 'ACTIVE' } } as const
  return [{ op: 'check', table: 'Identity', pk: tenancyId, sk: identitySk.compartment(compartmentId), condition }]
}

/** The mark of a vault or key, written with its row. One that is left behind does no harm: the row decides. */
export function contentMark(
  tenancyId: string,
  compartmentId: string,
  { table, id }: Contained,
): readonly Extract<Write, { op: 'put' }>[] {
  if (compartmentId === tenancyId) return []
  const item: MarkItem = { pk: markPk(compartmentId), sk: id, table }
  return [{ op: 'put', table: 'Replication', item }]
}

/** What creating a vault or key adds to its transaction. */
export function placedIn(tenancyId: string, compartmentId: string, contained: Contained): readonly Write[] {
  return [...compartmentStands(tenancyId, compartmentId), ...contentMark(tenancyId, compartmentId, contained)]
}

/** What moving a vault or key to another compartment adds to its transaction. */
export function movedTo(tenancyId: string, from: string, to: string, contained: Contained): readonly Write[] {
  const isLeft = from !== to && from !== tenancyId
  const left: Write = { op: 'delete', table: 'Replication', pk: markPk(from), sk: contained.id }
  return [...placedIn(tenancyId, to, contained), ...(isLeft ? [left] : [])]
}

/** The OCID of a vault or key in the compartment that is not DELETED in this region; undefined where there is none. */
export async function firstContained(
  { tables }: { readonly tables: Pick<Tables, 'get' | 'query'> },
  compartmentId: string,
): Promise<string | undefined> {
  const read = (request: PageRequest) => tables.query('Replication', markPk(compartmentId), '', request)
  for await (const marks of eachPage(read, { limit: 100 })) {
    const rows = await Promise.all(
      (marks as readonly MarkItem[]).map(({ table, sk }) => tables.get(table, sk, rowSk[table])),
    )
    // The row's MAC is not verified: whoever could forge a DELETED here could as well take the row away.
    const found = rows.find((row) => row?.['compartmentId'] === compartmentId && row['lifecycleState'] !== 'DELETED')
    if (found !== undefined) return found.pk
  }
  return undefined
}
