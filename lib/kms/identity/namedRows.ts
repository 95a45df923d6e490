import { madeOnce } from '../../madeOnce.ts'
import { KmsError, notFoundOrForbidden } from '../../errors.ts'
import { newOcid } from '../../ocid.ts'
import type { KmsPorts } from '../kmsPorts.ts'
import {
  newEtag,
  requireResultIs,
  requireUnchanged,
  type AuditEffect,
  type Mutation,
  type RequestRow,
} from '../mutation.ts'
import { changeIdentity, type IdentityPorts } from './changeIdentity.ts'
import {
  identitySk,
  type CompartmentRow,
  type DynamicGroupRow,
  type GroupRow,
  type IssuerFacts,
  type NewIdentityRow,
  type TrustedIssuerRow,
  type UserRow,
} from './identityRows.ts'
import { rowsOf, tenancyState, type TenancyState } from './tenancyState.ts'

/**
 * Users, groups, dynamic groups and trusted issuers: each has a name of its own in the tenancy, by which it goes from beginning to end.
 * The log has one writer and an entry follows the state it was judged by, so that a name is unique without a row of its own.
 */
interface Rows {
  readonly user: UserRow
  readonly group: GroupRow
  readonly dynamicGroup: DynamicGroupRow
  readonly trustedIssuer: TrustedIssuerRow
}
export type NamedKind = keyof Rows
type NamedRow = Rows[NamedKind]

interface Common {
  readonly name: string
  readonly description: string
  readonly freeformTags: NonNullable<UserRow['freeformTags']>
  readonly definedTags: NonNullable<UserRow['definedTags']>
}
interface Own {
  readonly user: { readonly email: string | null }
  readonly group: object
  readonly dynamicGroup: { readonly matchingRule: string }
  readonly trustedIssuer: IssuerFacts
}
export type NamedInput<K extends NamedKind> = Common & Own[K]
export type NamedChange<K extends NamedKind> = Partial<Omit<NamedInput<K>, 'name'>>

/** A row with all that rows made with the tenancy lack. */
interface Whole {
  readonly user: UserRow & NamedInput<'user'> & Made
  readonly group: GroupRow & NamedInput<'group'> & Made
  readonly dynamicGroup: DynamicGroupRow & NamedInput<'dynamicGroup'> & Made
  readonly trustedIssuer: TrustedIssuerRow & NamedInput<'trustedIssuer'> & Made
}
interface Made {
  readonly timeCreated: string
  readonly etag: string
}
export type Named<K extends NamedKind> = Whole[K]

const kinds = {
  user: { what: 'user', type: 'user', sk: identitySk.user },
  group: { what: 'group', type: 'group', sk: identitySk.group },
  dynamicGroup: { what: 'dynamic group', type: 'dynamicgroup', sk: identitySk.dynamicGroup },
  trustedIssuer: { what: 'trusted issuer', type: 'trustedissuer', sk: identitySk.trustedIssuer },
} as const satisfies Record<NamedKind, object>

/** Each exchange of a token looks through them. */
const maxTrustedIssuers = 50

type ReadPorts = Pick<KmsPorts, 'tables' | 'hsm' | 'homeRegion'>

export function namedIn<K extends NamedKind>(state: TenancyState, kind: K): readonly Named<K>[] {
  const since = tenancyTime(state)
  return rowsOf<NamedRow>(state, kind).map((row) => completed<K>(row, since))
}

/** When the tenancy was made, and with it whatever does not say its own time. */
export function tenancyTime(state: TenancyState): string {
  return rowsOf<CompartmentRow>(state, 'compartment').find(({ parentId }) => parentId === null)?.timeCreated ?? ''
}

const wholes = new WeakMap<NamedRow, Named<NamedKind>>()

/** Made once: what is there must take no longer to find than what is not (lib/http/evenRefusal.ts). */
function completed<K extends NamedKind>(row: NamedRow, timeCreated: string): Named<K> {
  return madeOnce(wholes, row, () => {
    const made = { timeCreated, etag: row.id }
    const missing = { description: 'Made with the tenancy', ...made, freeformTags: {}, definedTags: {} }
    // INVARIANT: what follows is a row of this kind; only what every kind may lack is filled in.
    return { ...missing, ...(row.kind === 'user' ? { email: null } : {}), ...row } as unknown as Named<NamedKind>
  }) as Named<K>
}

/** Undefined where the tenancy has none of this OCID. */
export async function namedById<K extends NamedKind>(
  ports: ReadPorts,
  tenancyId: string,
  kind: K,
  id: string,
): Promise<Named<K> | undefined> {
  return namedAt(await tenancyState(ports, tenancyId), kind, id)
}

function namedAt<K extends NamedKind>(state: TenancyState, kind: K, id: string): Named<K> | undefined {
  const row = state.rows.get(kinds[kind].sk(id))
  return row?.kind === kind ? completed<K>(row, tenancyTime(state)) : undefined
}

/** @throws KmsError notAuthorizedOrNotFound */
export function requireNamed<K extends NamedKind>(state: TenancyState, kind: K, id: string): Named<K> {
  const row = namedAt(state, kind, id)
  if (row === undefined) throw notFoundOrForbidden({ name: 'noSuchIdentity', kind, id })
  return row
}

export function createNamed<K extends NamedKind>(
  ports: IdentityPorts,
  tenancyId: string,
  mutation: Mutation,
  kind: K,
  input: NamedInput<K>,
): Promise<Named<K>> {
  const { type, sk } = kinds[kind]
  const id = newOcid(ports.random, type)
  const etag = newEtag(ports.random)
  const timeCreated = new Date(ports.clock()).toISOString()
  return changeIdentity(ports, tenancyId, mutation, {
    earlier: async (earlier) => {
      const made = await namedOfEarlier(ports, tenancyId, kind, earlier)
      // The caller was authorized for what they ask to make, and for nothing else.
      requireResultIs(earlier, made.name === input.name ? made.id : '')
      return made
    },
    load: () => tenancyState(ports, tenancyId),
    judge: async (state) => {
      requireNameFree(state, kind, input.name)
      if (kind === 'trustedIssuer') requireRoomForIssuer(state)
      const row = { ...input, sk: sk(id), kind, id, timeCreated, etag } as unknown as NewIdentityRow
      return {
        puts: [row],
        effect: namedEffect(tenancyId, { id, ...input }),
        etag,
        result: async () => requireNamed(await tenancyState(ports, tenancyId), kind, id),
      }
    },
  })
}

function requireNameFree(state: TenancyState, kind: NamedKind, name: string): void {
  const folded = name.toLowerCase()
  if (!namedIn(state, kind).some((row) => row.name.toLowerCase() === folded)) return
  throw new KmsError(
    'nameAlreadyExists',
    `A ${kinds[kind].what} of this name exists in the tenancy; choose another name, whatever its case.`,
  )
}

function requireRoomForIssuer(state: TenancyState): void {
  if (namedIn(state, 'trustedIssuer').length < maxTrustedIssuers) return
  throw new KmsError(
    'limitExceeded',
    `The tenancy trusts ${maxTrustedIssuers} issuers, which is the most; delete one that is not used any more.`,
  )
}

export function updateNamed<K extends NamedKind>(
  ports: IdentityPorts,
  tenancyId: string,
  mutation: Mutation,
  { kind, id }: { readonly kind: K; readonly id: string },
  change: NamedChange<K>,
): Promise<Named<K>> {
  const etag = newEtag(ports.random)
  return changeIdentity(ports, tenancyId, mutation, {
    resourceId: id,
    earlier: (earlier) => namedOfEarlier(ports, tenancyId, kind, earlier),
    load: async () => requireNamed(await tenancyState(ports, tenancyId), kind, id),
    etagOf: (row) => row.etag,
    judge: async (row) => {
      const next = { ...row, ...change, etag }
      return {
        puts: [next],
        effect: namedEffect(tenancyId, next, row),
        etag,
        result: async () => requireNamed(await tenancyState(ports, tenancyId), kind, id),
      }
    },
  })
}

/** `alsoGoes` says which other rows go with it, or refuses. */
export function deleteNamed<K extends NamedKind>(
  ports: IdentityPorts,
  tenancyId: string,
  mutation: Mutation,
  { kind, id }: { readonly kind: K; readonly id: string },
  alsoGoes: (state: TenancyState, row: Named<K>) => readonly string[],
): Promise<true> {
  return changeIdentity<{ state: TenancyState; row: Named<K> }, true>(ports, tenancyId, mutation, {
    resourceId: id,
    earlier: async () => true,
    load: async () => {
      const state = await tenancyState(ports, tenancyId)
      return { state, row: requireNamed(state, kind, id) }
    },
    etagOf: ({ row }) => row.etag,
    judge: async ({ state, row }) => ({
      puts: [],
      deletes: [kinds[kind].sk(id), ...alsoGoes(state, row)],
      effect: namedEffect(tenancyId, row),
      etag: row.etag,
      result: async () => true,
    }),
  })
}

async function namedOfEarlier<K extends NamedKind>(
  ports: ReadPorts,
  tenancyId: string,
  kind: K,
  earlier: RequestRow,
): Promise<Named<K>> {
  const row = await namedById(ports, tenancyId, kind, earlier.resourceId)
  requireUnchanged(earlier, row?.etag)
  if (row === undefined) throw notFoundOrForbidden({ name: 'earlierResultGone', resourceId: earlier.resourceId })
  return row
}

type Facts = Pick<Common, 'name' | 'description'> & { readonly id: string }

function namedEffect(tenancyId: string, row: Facts, previous?: Facts): AuditEffect {
  return {
    resourceId: row.id,
    resourceName: row.name,
    compartmentId: tenancyId,
    ...(previous === undefined ? {} : { previous: facts(previous) }),
    current: facts(row),
  }
}

function facts({ name, description }: Facts) {
  return { name, description }
}
