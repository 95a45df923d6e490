import { compartmentStands, requireCompartmentActive } from './compartmentContents.ts'
import { KmsError, notFoundOrForbidden } from '../../errors.ts'
import type { IdentityCache } from './identityCache.ts'
import { appendIdentity, identityRow, requireHomeRegion } from './identityLog.ts'
import { headSeq } from './verifyIdentity.ts'
import { identitySk, type CompartmentRow, type SubcompartmentRow } from './identityRows.ts'
import { finishIdentityChange } from '../handOffChange.ts'
import type { KmsPorts } from '../kmsPorts.ts'
import {
  bookkeeping,
  earlierResult,
  newEtag,
  requireMatch,
  requireResultIs,
  requireUnchanged,
  untilCommitted,
  type AuditEffect,
  type Mutation,
  type RequestRow,
} from '../mutation.ts'
import { newOcid } from '../../ocid.ts'
import type { DefinedTags, Tags } from '../rows/rows.ts'

type ReadPorts = Pick<KmsPorts, 'tables' | 'hsm' | 'region' | 'homeRegion'>
export type CompartmentPorts = ReadPorts &
  Pick<KmsPorts, 'random' | 'clock' | 'timers' | 'identityHandOff'> & { readonly identity: IdentityCache }

export interface CompartmentInput {
  /** The parent. */
  readonly compartmentId: string
  readonly name: string
  readonly description: string
  readonly freeformTags: Tags
  readonly definedTags: DefinedTags
}

export type CompartmentChange = Partial<Omit<CompartmentInput, 'compartmentId'>>

/** Levels below the tenancy (OCI's limit). */
const maxDepth = 6

/** The tenancy or a compartment of it; undefined where there is none. */
export function compartmentById(
  ports: ReadPorts,
  tenancyId: string,
  compartmentId: string,
): Promise<CompartmentRow | undefined> {
  return identityRow<CompartmentRow>(ports, tenancyId, 'compartment', identitySk.compartment(compartmentId))
}

/** @throws KmsError invalidParameter for the tenancy itself, which stays as it is. */
export async function requireSubcompartment(
  ports: ReadPorts,
  tenancyId: string,
  compartmentId: string,
): Promise<SubcompartmentRow> {
  const row = await compartmentById(ports, tenancyId, compartmentId)
  if (row === undefined) throw notFoundOrForbidden()
  if (row.parentId === null) {
    throw new KmsError('invalidParameter', 'The tenancy itself, the root compartment, cannot be changed or deleted.')
  }
  return row
}

export async function createCompartment(
  ports: CompartmentPorts,
  tenancyId: string,
  mutation: Mutation,
  input: CompartmentInput,
): Promise<SubcompartmentRow> {
  requireHomeRegion(ports)
  const { compartmentId: parentId, ...details } = input
  const id = newOcid(ports.random, 'compartment')
  const etag = newEtag(ports.random)
  const timeCreated = new Date(ports.clock()).toISOString()
  const compartment = await untilCommitted(ports, async () => {
    const earlier = await earlierResult(ports, mutation)
    if (earlier !== undefined) {
      const made = await compartmentOfEarlier(ports, tenancyId, earlier)
      // The caller was authorized for what they ask to make, and for nothing else.
      requireResultIs(earlier, made.parentId === parentId && made.name === input.name ? made.id : '')
      return made
    }
    const after = await headSeq(ports, tenancyId)
    await requireCompartmentActive(ports, tenancyId, parentId)
    const nameSk = identitySk.compartmentName(parentId, input.name)
    await requireNameFree(ports, tenancyId, nameSk)
    await requireDepth(ports, tenancyId, parentId)
    const row = {
      sk: identitySk.compartment(id),
      kind: 'compartment',
      id,
      parentId,
      ...details,
      lifecycleState: 'ACTIVE',
      timeCreated,
      etag,
      workRequestId: null,
    } as const
    const puts = [row, { sk: nameSk, kind: 'compartmentName', compartmentId: id } as const]
    const isDone = await appendIdentity(ports, tenancyId, { after, puts, absent: [nameSk] }, [
      ...compartmentStands(tenancyId, parentId),
      ...bookkeeping(mutation, compartmentEffect(row), etag),
    ])
    return isDone ? requireSubcompartment(ports, tenancyId, id) : undefined
  })
  await finishIdentityChange(ports, tenancyId)
  return compartment
}

export async function updateCompartment(
  ports: CompartmentPorts,
  tenancyId: string,
  mutation: Mutation,
  compartmentId: string,
  change: CompartmentChange,
): Promise<SubcompartmentRow> {
  requireHomeRegion(ports)
  const etag = newEtag(ports.random)
  const updated = await untilCommitted(ports, async () => {
    const earlier = await earlierResult(ports, mutation)
    if (earlier !== undefined) {
      requireResultIs(earlier, compartmentId)
      return compartmentOfEarlier(ports, tenancyId, earlier)
    }
    const after = await headSeq(ports, tenancyId)
    const compartment = await requireSubcompartment(ports, tenancyId, compartmentId)
    requireMatch(mutation, compartment.etag)
    await requireCompartmentActive(ports, tenancyId, compartmentId)
    const row = { ...compartment, ...change, etag }
    const [nameBefore, name] = [compartment, row].map((each) => identitySk.compartmentName(each.parentId, each.name))
    const isRenamed = name !== nameBefore && name !== undefined && nameBefore !== undefined
    if (isRenamed) await requireNameFree(ports, tenancyId, name)
    const puts = [row, ...(isRenamed ? [{ sk: name, kind: 'compartmentName', compartmentId } as const] : [])]
    const names = isRenamed ? { absent: [name], deletes: [nameBefore] } : {}
    const effect = compartmentEffect(row, compartment)
    const isDone = await appendIdentity(
      ports,
      tenancyId,
      { after, puts, ...names },
      bookkeeping(mutation, effect, etag),
    )
    return isDone ? requireSubcompartment(ports, tenancyId, compartmentId) : undefined
  })
  await finishIdentityChange(ports, tenancyId)
  return updated
}

async function requireNameFree({ tables }: ReadPorts, tenancyId: string, nameSk: string): Promise<void> {
  if ((await tables.get('Identity', tenancyId, nameSk)) === undefined) return
  throw new KmsError(
    'nameAlreadyExists',
    'A compartment of this name exists in the parent compartment; choose another name.',
  )
}

/** A compartment's depth never changes, so what is cached serves. */
async function requireDepth({ identity }: CompartmentPorts, tenancyId: string, parentId: string): Promise<void> {
  const { compartments } = await identity.tenancy(tenancyId)
  const parentOf = new Map(compartments.map((row) => [row.id, row.parentId]))
  let depth = 0
  for (let id: string | null | undefined = parentId; id != null && depth <= maxDepth; id = parentOf.get(id)) depth += 1
  if (depth > maxDepth) {
    throw new KmsError(
      'limitExceeded',
      `Compartments nest at most ${maxDepth} levels below the tenancy; choose a parent further up.`,
    )
  }
}

export async function compartmentOfEarlier(
  ports: ReadPorts,
  tenancyId: string,
  earlier: RequestRow,
): Promise<SubcompartmentRow> {
  const row = await requireSubcompartment(ports, tenancyId, earlier.resourceId)
  requireUnchanged(earlier, row.etag)
  return row
}

type Facts = Pick<SubcompartmentRow, 'id' | 'parentId' | 'name' | 'description' | 'lifecycleState'>

/** A compartment's own events belong to its parent, where they outlive it. */
export function compartmentEffect(row: Facts, previous?: Facts): AuditEffect {
  return {
    resourceId: row.id,
    resourceName: row.name,
    compartmentId: row.parentId,
    ...(previous === undefined ? {} : { previous: facts(previous) }),
    current: facts(row),
  }
}

function facts({ name, description, lifecycleState }: Facts) {
  return { name, description, lifecycleState }
}
