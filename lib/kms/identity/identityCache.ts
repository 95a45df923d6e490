import {
  identitySk,
  type AuditConfigurationRow,
  type CompartmentRow,
  type DynamicGroupRow,
  type GroupRow,
  type PolicyRow,
  type TrustedIssuerRow,
  type UserRow,
} from './identityRows.ts'
import { apiKeyName } from '../../apiKeyName.ts'
import { LruCache } from '../../lruCache.ts'
import type { KmsPorts } from '../kmsPorts.ts'
import { membershipsOf, rowsOf, tenancyState, type TenancyState } from './tenancyState.ts'

/** What judging requests of a tenancy needs, at one entry of its log. */
export interface TenancyIdentity {
  readonly seq: number
  readonly compartments: readonly CompartmentRow[]
  readonly policies: readonly PolicyRow[]
  readonly groups: readonly GroupRow[]
  readonly dynamicGroups: readonly DynamicGroupRow[]
  readonly trustedIssuers: readonly TrustedIssuerRow[]
  /** Undefined where nobody has said it. */
  readonly auditRetentionDays: number | undefined
}

export interface UserIdentity {
  readonly user: UserRow
  readonly groupIds: readonly string[]
  readonly publicKey: string
  readonly apiKey: UploadedKey
}

/** Of one upload: the same key that is uploaded again is another. */
export interface UploadedKey {
  readonly fingerprint: string
  readonly etag: string
  /** Undefined for the one that was made with the tenancy. */
  readonly timeCreated: string | undefined
}

type CachePorts = Pick<KmsPorts, 'tables' | 'hsm' | 'clock' | 'region' | 'homeRegion'>

interface Cached {
  checkedAt: number
  readonly state: TenancyState
  tenancy: TenancyIdentity
  readonly users: LruCache<UserIdentity>
}

/** A reading on its way. */
interface Loading {
  readonly cached: Promise<Cached>
  /** Something was changed since it began: what it finds may be older than that, and is good for whoever waits for it alone. */
  isOvertaken: boolean
}

/**
 * A tenancy's identity, verified once per entry of its log: while the log stands still nothing is read but its head, and
 * that at most every `maxAgeMs` (KEY_CACHE_MS). A host that sees every write calls `invalidate`.
 */
export class IdentityCache {
  readonly #ports: CachePorts
  readonly #maxAgeMs: number
  readonly #tenancies = new Map<string, Cached>()
  readonly #loading = new Map<string, Loading>()

  constructor(ports: CachePorts, maxAgeMs: number) {
    this.#ports = ports
    this.#maxAgeMs = maxAgeMs
  }

  async tenancy(tenancyId: string): Promise<TenancyIdentity> {
    return (this.fresh(tenancyId) ?? (await this.#current(tenancyId))).tenancy
  }

  /** All of it, for lists. */
  async state(tenancyId: string): Promise<TenancyState> {
    return (this.fresh(tenancyId) ?? (await this.#current(tenancyId))).state
  }

  /** As the tables have it now, however young what is cached may be: for judging a change to identity itself. */
  async freshTenancy(tenancyId: string): Promise<TenancyIdentity> {
    this.invalidate(tenancyId)
    return (await this.#current(tenancyId)).tenancy
  }

  /** A user with the public key of one of their API keys; undefined where either does not exist. */
  async user(tenancyId: string, userId: string, fingerprint: string): Promise<UserIdentity | undefined> {
    const cached = this.fresh(tenancyId) ?? (await this.#current(tenancyId))
    const name = apiKeyName(userId, fingerprint)
    const known = cached.users.get(name)
    if (known !== undefined) return known
    const loaded = userIn(cached.state, userId, fingerprint)
    if (loaded !== undefined) cached.users.set(name, loaded)
    return loaded
  }

  /** Whether there is such a tenancy, once it has been asked for. */
  hasRead(tenancyId: string): boolean {
    return this.#tenancies.has(tenancyId)
  }

  /** What is cached and still young enough. */
  fresh(tenancyId: string): Cached | undefined {
    const cached = this.#tenancies.get(tenancyId)
    return cached !== undefined && this.#ports.clock() - cached.checkedAt < this.#maxAgeMs ? cached : undefined
  }

  /** What is cached, however old; for what must not wait. */
  known(tenancyId: string): TenancyIdentity | undefined {
    return this.#tenancies.get(tenancyId)?.tenancy
  }

  invalidate(tenancyId: string): void {
    const cached = this.#tenancies.get(tenancyId)
    if (cached !== undefined) cached.checkedAt = -Infinity
    const loading = this.#loading.get(tenancyId)
    if (loading !== undefined) loading.isOvertaken = true
    this.#loading.delete(tenancyId)
  }

  #current(tenancyId: string): Promise<Cached> {
    const loading = this.#loading.get(tenancyId)
    if (loading !== undefined) return loading.cached
    const begun = { isOvertaken: false }
    const cached = this.#refresh(tenancyId, begun).finally(() => {
      if (this.#loading.get(tenancyId) === mine) this.#loading.delete(tenancyId)
    })
    const mine: Loading = Object.assign(begun, { cached })
    this.#loading.set(tenancyId, mine)
    return cached
  }

  async #refresh(tenancyId: string, begun: Pick<Loading, 'isOvertaken'>): Promise<Cached> {
    const began = this.#ports.clock()
    const state = await tenancyState(this.#ports, tenancyId)
    const checkedAt = begun.isOvertaken ? -Infinity : began
    const known = this.#tenancies.get(tenancyId)
    const cached =
      known?.tenancy.seq === state.seq
        ? { ...known, checkedAt }
        : { checkedAt, state, tenancy: tenancyIn(state), users: new LruCache<UserIdentity>(10_000) }
    // Unknown tenancies are not kept: their number is the caller's to choose. Nor is what a faster reading has gone beyond.
    if (state.seq > 0 && state.seq >= (known?.tenancy.seq ?? 0)) this.#tenancies.set(tenancyId, cached)
    return cached
  }
}

function tenancyIn(state: TenancyState): TenancyIdentity {
  return {
    seq: state.seq,
    compartments: rowsOf<CompartmentRow>(state, 'compartment'),
    policies: rowsOf<PolicyRow>(state, 'policy'),
    groups: rowsOf<GroupRow>(state, 'group'),
    dynamicGroups: rowsOf<DynamicGroupRow>(state, 'dynamicGroup'),
    trustedIssuers: rowsOf<TrustedIssuerRow>(state, 'trustedIssuer'),
    auditRetentionDays: rowsOf<AuditConfigurationRow>(state, 'auditConfiguration')[0]?.retentionPeriodDays,
  }
}

function userIn(state: TenancyState, userId: string, fingerprint: string): UserIdentity | undefined {
  const user = state.rows.get(identitySk.user(userId))
  const apiKey = state.rows.get(identitySk.apiKey(userId, fingerprint))
  if (user?.kind !== 'user' || apiKey?.kind !== 'apiKey') return undefined
  const { publicKey, timeCreated, etag = fingerprint } = apiKey
  const groupIds = membershipsOf(state, userId).map(({ groupId }) => groupId)
  return { user, publicKey, groupIds, apiKey: { fingerprint, etag, timeCreated } }
}
