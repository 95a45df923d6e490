import { hash } from 'node:crypto'
import { notFoundOrForbidden } from '../../../errors.ts'
import { newOcid, realm } from '../../../ocid.ts'
import { finishedWorkWrite, type FinishedWork } from '../../finishedWork.ts'
import type { KmsPorts } from '../../kmsPorts.ts'
import {
  newEtag,
  requireResultIs,
  requireUnchanged,
  type AuditEffect,
  type Mutation,
  type RequestRow,
} from '../../mutation.ts'
import { changeIdentity, type IdentityPorts } from '../changeIdentity.ts'
import { compartmentStands, requireCompartmentActive } from '../compartmentContents.ts'
import type { NewIdentityRow } from '../identityRows.ts'
import {
  requireTagging,
  taggingById,
  taggingKinds as kinds,
  type TaggingInput,
  type TaggingKind,
  type TaggingRows as Rows,
} from '../taggingState.ts'
import { tenancyState, type TenancyState } from '../tenancyState.ts'

type ReadPorts = Pick<KmsPorts, 'tables' | 'hsm' | 'homeRegion'>
type TaggingRow = Rows[TaggingKind]

/** Tag namespaces, keys and defaults are made, changed and deleted alike. What is particular to a kind its own file judges. */

interface Making<K extends TaggingKind> {
  readonly kind: K
  /** Where it comes into. */
  readonly compartmentId: string
  /** Refuses, or says the row as the state wants it. */
  readonly make: (state: TenancyState) => TaggingInput<K>
  /** Whether an earlier request made what this one asks for: the caller was authorized for that alone. */
  readonly isAsked: (made: Rows[K]) => boolean
}

export function createTagging<K extends TaggingKind>(
  ports: IdentityPorts,
  tenancyId: string,
  mutation: Mutation,
  { kind, compartmentId, make, isAsked }: Making<K>,
): Promise<Rows[K]> {
  const { type, sk } = kinds[kind]
  const id = newOcid(ports.random, type)
  const etag = newEtag(ports.random)
  const timeCreated = new Date(ports.clock()).toISOString()
  return changeIdentity(ports, tenancyId, mutation, {
    earlier: async (earlier) => {
      const made = await taggingOfEarlier(ports, tenancyId, kind, earlier)
      requireResultIs(earlier, isAsked(made) ? made.id : '')
      return made
    },
    load: async () => {
      await requireCompartmentActive(ports, tenancyId, compartmentId)
      return tenancyState(ports, tenancyId)
    },
    judge: async (state) => {
      const row = { ...make(state), sk: sk(id), kind, id, timeCreated, etag } as unknown as NewIdentityRow & Rows[K]
      return {
        puts: [row],
        effect: effect(state, row),
        etag,
        also: () => compartmentStands(tenancyId, compartmentId),
        result: () => standing(ports, tenancyId, kind, id),
      }
    },
  })
}

interface Changing<K extends TaggingKind> {
  readonly kind: K
  readonly id: string
  /** Where it goes, of a move. */
  readonly into?: string
  /** Refuses, or says what becomes another. */
  readonly change: (row: Rows[K], state: TenancyState) => Partial<TaggingInput<K>>
}

export function updateTagging<K extends TaggingKind>(
  ports: IdentityPorts,
  tenancyId: string,
  mutation: Mutation,
  { kind, id, into = tenancyId, change }: Changing<K>,
): Promise<Rows[K]> {
  const etag = newEtag(ports.random)
  return changeIdentity<{ state: TenancyState; row: Rows[K] }, Rows[K]>(ports, tenancyId, mutation, {
    resourceId: id,
    earlier: (earlier) => taggingOfEarlier(ports, tenancyId, kind, earlier),
    load: async () => {
      await requireCompartmentActive(ports, tenancyId, into)
      return found(ports, tenancyId, kind, id)
    },
    etagOf: ({ row }) => row.etag,
    judge: async ({ state, row }) => {
      const next = { ...row, ...change(row, state), etag }
      return {
        puts: [next],
        effect: effect(state, next, row),
        etag,
        also: () => compartmentStands(tenancyId, into),
        result: () => standing(ports, tenancyId, kind, id),
      }
    },
  })
}

interface Deleting<K extends TaggingKind> {
  readonly kind: K
  readonly id: string
  /** Refuses, or says which other rows go with it. */
  readonly alsoGoes: (row: Rows[K], state: TenancyState) => readonly string[]
  /** What its work request is, where it has one. */
  readonly work?: FinishedWork['operationType']
}

/** Resolves with the OCID of the work request, which says what a repeated call's said. */
export function deleteTagging<K extends TaggingKind>(
  ports: IdentityPorts,
  tenancyId: string,
  mutation: Mutation,
  { kind, id, alsoGoes, work }: Deleting<K>,
): Promise<string> {
  return changeIdentity<{ state: TenancyState; row: Rows[K] }, string>(ports, tenancyId, mutation, {
    resourceId: id,
    earlier: async ({ etag }) => workRequestOf(id, etag),
    load: () => found(ports, tenancyId, kind, id),
    etagOf: ({ row }) => row.etag,
    judge: async ({ state, row }) => {
      const workRequestId = workRequestOf(id, row.etag)
      const gone = effect(state, row)
      const { compartmentId } = gone
      return {
        puts: [],
        deletes: [kinds[kind].sk(id), ...alsoGoes(row, state)],
        effect: gone,
        etag: row.etag,
        also: () =>
          work === undefined
            ? []
            : [
                finishedWorkWrite(ports.clock(), workRequestId, {
                  tenancyId,
                  compartmentId,
                  operationType: work,
                  resourceId: id,
                }),
              ],
        result: async () => workRequestId,
      }
    },
  })
}

function workRequestOf(id: string, etag: string): string {
  return `ocid1.workrequest.${realm}..${hash('sha256', `${id}#${etag}`, 'hex').slice(0, 60)}`
}

async function found<K extends TaggingKind>(ports: ReadPorts, tenancyId: string, kind: K, id: string) {
  const state = await tenancyState(ports, tenancyId)
  return { state, row: requireTagging(state, kind, id) }
}

async function standing<K extends TaggingKind>(ports: ReadPorts, tenancyId: string, kind: K, id: string) {
  return requireTagging(await tenancyState(ports, tenancyId), kind, id)
}

async function taggingOfEarlier<K extends TaggingKind>(
  ports: ReadPorts,
  tenancyId: string,
  kind: K,
  earlier: RequestRow,
): Promise<Rows[K]> {
  const row = await taggingById(ports, tenancyId, kind, earlier.resourceId)
  requireUnchanged(earlier, row?.etag)
  if (row === undefined) throw notFoundOrForbidden({ name: 'earlierResultGone', resourceId: earlier.resourceId })
  return row
}

function effect(state: TenancyState, row: TaggingRow, previous?: TaggingRow): AuditEffect {
  return {
    resourceId: row.id,
    ...placeOf(state, row),
    ...(previous === undefined ? {} : { previous: facts(previous) }),
    current: facts(row),
  }
}

/** A key is where its namespace is; a default is called as its key is. */
function placeOf(state: TenancyState, row: TaggingRow): Pick<AuditEffect, 'resourceName' | 'compartmentId'> {
  if (row.kind === 'tagNamespace') return { resourceName: row.name, compartmentId: row.compartmentId }
  const tag = row.kind === 'tag' ? row : requireTagging(state, 'tag', row.tagId)
  const namespace = requireTagging(state, 'tagNamespace', tag.tagNamespaceId)
  const compartmentId = row.kind === 'tag' ? namespace.compartmentId : row.compartmentId
  return { resourceName: `${namespace.name}.${tag.name}`, compartmentId }
}

function facts(row: TaggingRow) {
  if (row.kind === 'tagDefault') return { value: row.value, isRequired: row.isRequired }
  const { name, description, isRetired } = row
  return row.kind === 'tag'
    ? { name, description, isRetired }
    : { name, description, isRetired, compartmentId: row.compartmentId }
}
