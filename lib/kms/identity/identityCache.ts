import { headSeq, identityRow, verifyIdentity } from './identityLog.ts'
import {
  identitySk,
  type ApiKeyRow,
  type CompartmentRow,
  type GroupRow,
  type IdentityRow,
  type MembershipRow,
  type PolicyRow,
  type UserRow,
} from './identityRows.ts'
import type { KmsPorts } from '../kmsPorts.ts'
import { eachPage } from '../rows/pages.ts'
import type { Item, PageRequest } from '../../ports.ts'

/** What judging requests of a tenancy needs, at one entry of its log. */
export interface TenancyIdentity {
  readonly seq: number
  readonly compartments: readonly CompartmentRow[]
  readonly policies: readonly PolicyRow[]
  readonly groups: readonly GroupRow[]
}

export interface UserIdentity {
  readonly user: UserRow
  readonly groupIds: readonly string[]
  readonly publicKey: string
}

type CachePorts = Pick<KmsPorts, 'tables' | 'hsm' | 'clock' | 'region' | 'homeRegion'>

interface Cached {
  checkedAt: number
  tenancy: TenancyIdentity
  users: Map<string, UserIdentity | undefined>
}

/**
 * A tenancy's identity, verified once per entry of its log: while the log stands still nothing is read but its head, and
 * that at most every `maxAgeMs` (KEY_CACHE_MS). A host that sees every write calls `forget`.
 */
export class IdentityCache {
  readonly #ports: CachePorts
  readonly #maxAgeMs: number
  readonly #tenancies = new Map<string, Cached>()
  readonly #loading = new Map<string, Promise<Cached>>()

  constructor(ports: CachePorts, maxAgeMs: number) {
    this.#ports = ports
    this.#maxAgeMs = maxAgeMs
  }

  async tenancy(tenancyId: string): Promise<TenancyIdentity> {
    return (this.fresh(tenancyId) ?? (await this.#current(tenancyId))).tenancy
  }

  /** As the tables have it now, however young what is cached may be: for judging a change to identity itself. */
  async freshTenancy(tenancyId: string): Promise<TenancyIdentity> {
    this.forget(tenancyId)
    return (await this.#current(tenancyId)).tenancy
  }

  /** A user with the public key of one of their API keys; undefined where either does not exist. */
  async user(tenancyId: string, userId: string, fingerprint: string): Promise<UserIdentity | undefined> {
    const cached = this.fresh(tenancyId) ?? (await this.#current(tenancyId))
    const name = `${userId}#${fingerprint}`
    const known = cached.users.get(name)
    if (known !== undefined) return known
    const loaded = await this.#loadUser(tenancyId, userId, fingerprint)
    if (loaded !== undefined && cached.users.size < 10_000) cached.users.set(name, loaded)
    return loaded
  }

  /** What is cached and still young enough. */
  fresh(tenancyId: string): Cached | undefined {
    const cached = this.#tenancies.get(tenancyId)
    return cached !== undefined && this.#ports.clock() - cached.checkedAt < this.#maxAgeMs ? cached : undefined
  }

  forget(tenancyId: string): void {
    const cached = this.#tenancies.get(tenancyId)
    if (cached !== undefined) cached.checkedAt = -Infinity
    this.#loading.delete(tenancyId)
  }

  #current(tenancyId: string): Promise<Cached> {
    const loading = this.#loading.get(tenancyId) ?? this.#refresh(tenancyId)
    this.#loading.set(tenancyId, loading)
    void loading
      .finally(() => {
        if (this.#loading.get(tenancyId) === loading) this.#loading.delete(tenancyId)
      })
      .catch(() => undefined)
    return loading
  }

  async #refresh(tenancyId: string): Promise<Cached> {
    const checkedAt = this.#ports.clock()
    const seq = await headSeq(this.#ports, tenancyId)
    const known = this.#tenancies.get(tenancyId)
    const cached =
      known?.tenancy.seq === seq
        ? { ...known, checkedAt }
        : { checkedAt, tenancy: await this.#load(tenancyId, seq), users: new Map() }
    // Unknown tenancies are not kept: their number is the caller's to choose.
    if (seq > 0) this.#tenancies.set(tenancyId, cached)
    return cached
  }

  async #load(tenancyId: string, seq: number): Promise<TenancyIdentity> {
    if (seq === 0) return { seq, compartments: [], policies: [], groups: [] }
    const [compartments, policies, groups] = await Promise.all([
      this.#rows<CompartmentRow>(tenancyId, 'compartment', identitySk.compartment('')),
      this.#rows<PolicyRow>(tenancyId, 'policy', identitySk.policy('')),
      this.#rows<GroupRow>(tenancyId, 'group', identitySk.group('')),
    ])
    return { seq, compartments, policies, groups }
  }

  async #loadUser(tenancyId: string, userId: string, fingerprint: string): Promise<UserIdentity | undefined> {
    const [user, apiKey] = await Promise.all([
      identityRow<UserRow>(this.#ports, tenancyId, 'user', identitySk.user(userId)),
      identityRow<ApiKeyRow>(this.#ports, tenancyId, 'apiKey', identitySk.apiKey(userId, fingerprint)),
    ])
    if (user === undefined || apiKey === undefined) return undefined
    const memberships = await this.#rows<MembershipRow>(tenancyId, 'membership', identitySk.membership(userId, ''))
    return { user, publicKey: apiKey.publicKey, groupIds: memberships.map(({ groupId }) => groupId) }
  }

  async #rows<R extends IdentityRow>(tenancyId: string, kind: R['kind'], prefix: string): Promise<readonly R[]> {
    const items: Item[] = []
    const read = (request: PageRequest) => this.#ports.tables.query('Identity', tenancyId, prefix, request)
    for await (const page of eachPage(read, { limit: 1000 })) items.push(...page)
    // What does not begin with the prefix was looked for elsewhere.
    const skOf = (item: Item) => (item.sk.startsWith(prefix) ? item.sk : prefix)
    return Promise.all(
      items.map((item) => verifyIdentity<R>(this.#ports, { pk: tenancyId, sk: skOf(item), kind }, item)),
    )
  }
}
