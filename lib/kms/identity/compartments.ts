import { compartmentStands, requireCompartmentActive } from './compartmentContents.ts'
import { KmsError, notFoundOrForbidden } from '../../errors.ts'
import type { IdentityCache } from './identityCache.ts'
import { changeIdentity, type IdentityPorts } from './changeIdentity.ts'
import { identityRow, type IdentityChange } from './identityLog.ts'
import { identitySk, type CompartmentRow, type SubcompartmentRow } from './identityRows.ts'
import type { KmsPorts } from '../kmsPorts.ts'
import {
  newEtag,
  requireResultIs,
  requireUnchanged,
  type AuditEffect,
  type Mutation,
  type RequestRow,
} from '../mutation.ts'
import { newOcid } from '../../ocid.ts'
import { requireDepth } from './compartmentDepth.ts'
import { tenancyState } from './tenancyState.ts'
import type { DefinedTags, Tags } from '../rows/rows.ts'

type ReadPorts = Pick<KmsPorts, 'tables' | 'hsm' | 'region' | 'homeRegion'>
export type CompartmentPorts = IdentityPorts & { readonly identity: IdentityCache }

export interface CompartmentInput {
  /** The parent. */
  readonly compartmentId: string
  readonly name: string
  readonly description: string
  readonly freeformTags: Tags
  readonly definedTags: DefinedTags
}

export type CompartmentChange = Partial<Omit<CompartmentInput, 'compartmentId'>>

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
  if (row === undefined) throw notFoundOrForbidden({ name: 'noSuchCompartment', compartmentId })
  if (row.parentId === null) {
    throw new KmsError('invalidParameter', 'The tenancy itself, the root compartment, cannot be changed or deleted.')
  }
  return row
}

export function createCompartment(
  ports: CompartmentPorts,
  tenancyId: string,
  mutation: Mutation,
  input: CompartmentInput,
): Promise<SubcompartmentRow> {
  const { compartmentId: parentId, ...details } = input
  const id = newOcid(ports.random, 'compartment')
  const etag = newEtag(ports.random)
  const timeCreated = new Date(ports.clock()).toISOString()
  const nameSk = identitySk.compartmentName(parentId, input.name)
  return changeIdentity(ports, tenancyId, mutation, {
    earlier: async (earlier) => {
      const made = await compartmentOfEarlier(ports, tenancyId, earlier)
      // The caller was authorized for what they ask to make, and for nothing else.
      requireResultIs(earlier, made.parentId === parentId && made.name === input.name ? made.id : '')
      return made
    },
    load: () => requireCompartmentActive(ports, tenancyId, parentId),
    judge: async () => {
      await requireNameFree(ports, tenancyId, nameSk)
      requireDepth(await tenancyState(ports, tenancyId), parentId)
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
      return {
        puts: [row, { sk: nameSk, kind: 'compartmentName', compartmentId: id }],
        absent: [nameSk],
        effect: compartmentEffect(row),
        etag,
        also: () => compartmentStands(tenancyId, parentId),
        result: () => requireSubcompartment(ports, tenancyId, id),
      }
    },
  })
}

export function updateCompartment(
  ports: CompartmentPorts,
  tenancyId: string,
  mutation: Mutation,
  compartmentId: string,
  change: CompartmentChange,
): Promise<SubcompartmentRow> {
  const etag = newEtag(ports.random)
  return changeIdentity(ports, tenancyId, mutation, {
    resourceId: compartmentId,
    earlier: (earlier) => compartmentOfEarlier(ports, tenancyId, earlier),
    load: () => requireSubcompartment(ports, tenancyId, compartmentId),
    etagOf: (compartment) => compartment.etag,
    judge: async (compartment) => {
      await requireCompartmentActive(ports, tenancyId, compartmentId)
      const row = { ...compartment, ...change, etag }
      return {
        ...(await renaming(ports, tenancyId, compartment, row)),
        effect: compartmentEffect(row, compartment),
        etag,
        result: () => requireSubcompartment(ports, tenancyId, compartmentId),
      }
    },
  })
}

/** The row of a name keeps it unique in its parent, so it goes along where the name or the parent is another one. */
export async function renaming(
  ports: ReadPorts,
  tenancyId: string,
  before: SubcompartmentRow,
  row: SubcompartmentRow,
): Promise<Pick<IdentityChange, 'puts' | 'absent' | 'deletes'>> {
  const nameSk = identitySk.compartmentName(row.parentId, row.name)
  const skBefore = identitySk.compartmentName(before.parentId, before.name)
  // Two spellings of one name have one row.
  if (nameSk === skBefore) return { puts: [row] }
  await requireNameFree(ports, tenancyId, nameSk)
  const name = { sk: nameSk, kind: 'compartmentName', compartmentId: row.id } as const
  return { puts: [row, name], absent: [nameSk], deletes: [skBefore] }
}

export async function requireNameFree({ tables }: ReadPorts, tenancyId: string, nameSk: string): Promise<void> {
  if ((await tables.get('Identity', tenancyId, nameSk)) === undefined) return
  throw new KmsError(
    'nameAlreadyExists',
    'A compartment of this name exists in the parent compartment; choose another name.',
  )
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
