import type { JsonObject } from '../../canonicalJson.ts'
import type { Item } from '../../ports.ts'
import type { DefinedTags, Tags } from '../rows/rows.ts'

/**
 * A tenancy's identity lies in one partition of the Identity table. Rows are written in the home region only, signed by
 * its HSM, and travel to every other region as entries of one log.
 */
interface IdentityRowBase {
  readonly pk: string
  readonly sk: string
  readonly format: 'vaultspan/identity-row/1'
  /** The log entry that wrote this row. */
  readonly seq: number
  /** By the home region's identity key over every other member, base64. */
  readonly signature: string
}

/** The tenancy itself, which is the root compartment: made with the tenancy, never changed, never deleted. */
export interface RootRow extends IdentityRowBase {
  readonly kind: 'compartment'
  readonly id: string
  readonly parentId: null
  readonly name: string
  readonly timeCreated: string
}

export type CompartmentState = 'ACTIVE' | 'DELETING' | 'DELETED'

export interface CompartmentWork extends JsonObject {
  readonly operationType: 'DELETE_COMPARTMENT' | 'MOVE_COMPARTMENT'
  readonly timeAccepted: string
  /** Null while it goes on. */
  readonly timeFinished: string | null
  /** Why it came to nothing. */
  readonly error: string | null
}

export interface SubcompartmentRow extends IdentityRowBase {
  readonly kind: 'compartment'
  readonly id: string
  readonly parentId: string
  readonly name: string
  readonly description: string
  readonly lifecycleState: CompartmentState
  readonly timeCreated: string
  readonly etag: string
  /** The last attempt to delete or to move it; votes name the attempt they are for. */
  readonly workRequestId: string | null
  /** What that is; versions before 0.2 did not keep it. */
  readonly work?: CompartmentWork
  readonly freeformTags: Tags
  readonly definedTags: DefinedTags
}

export type CompartmentRow = RootRow | SubcompartmentRow

/** The names that a policy's statements use, with the OCIDs that they meant (lib/iam/bindNames.ts makes them). */
export interface BoundPolicyNames extends JsonObject {
  readonly compartments: readonly { readonly path: readonly string[]; readonly id: string }[]
  readonly groups: readonly { readonly name: string; readonly id: string }[]
  /** Absent where none is named. */
  readonly dynamicGroups?: readonly { readonly name: string; readonly id: string }[]
  /** Absent where conditions name nothing, and in rows of versions that did not bind those until they are bound once. */
  readonly conditions?: readonly { readonly kind: string; readonly name: string; readonly ids: readonly string[] }[]
}

export interface PolicyRow extends IdentityRowBase {
  readonly kind: 'policy'
  readonly id: string
  readonly compartmentId: string
  readonly name: string
  readonly description: string
  /** As they were written. */
  readonly statements: readonly string[]
  /** What they name, resolved when they were written; rows of the first version have none until they are bound once. */
  readonly bound?: BoundPolicyNames
  readonly versionDate: string | null
  readonly timeCreated: string
  readonly etag: string
  readonly freeformTags: Tags
  readonly definedTags: DefinedTags
}

/** What has a name of its own in the tenancy. Rows that were made with the tenancy have no more than id and name. */
interface NamedRowBase extends IdentityRowBase {
  readonly id: string
  readonly name: string
  readonly description?: string
  readonly timeCreated?: string
  readonly etag?: string
  readonly freeformTags?: Tags
  readonly definedTags?: DefinedTags
}

export interface UserRow extends NamedRowBase {
  readonly kind: 'user'
  readonly email?: string | null
}

export interface GroupRow extends NamedRowBase {
  readonly kind: 'group'
}

/** Its members are named by a rule on what a token says of its holder. */
export interface DynamicGroupRow extends NamedRowBase {
  readonly kind: 'dynamicGroup'
  readonly matchingRule: string
}

/** Whose OIDC tokens are exchanged for session tokens, and which of them. */
export interface TrustedIssuerRow extends NamedRowBase, IssuerFacts {
  readonly kind: 'trustedIssuer'
}

export interface IssuerFacts {
  /** The claim `iss` of its tokens. */
  readonly issuer: string
  /** What their `aud` must name. */
  readonly audience: string
  /** Its public keys (a JWK set), or where they are fetched: one of both. */
  readonly jwks: JsonObject | null
  readonly jwksUri: string | null
  /** On what its tokens say: many an issuer makes tokens for everybody. */
  readonly matchingRule: string
}

export interface MembershipRow extends IdentityRowBase {
  readonly kind: 'membership'
  readonly userId: string
  readonly groupId: string
  /** The one that was made with the tenancy has none of these. */
  readonly id?: string
  readonly timeCreated?: string
  readonly etag?: string
}

export interface ApiKeyRow extends IdentityRowBase {
  readonly kind: 'apiKey'
  readonly userId: string
  readonly fingerprint: string
  /** PEM SubjectPublicKeyInfo. */
  readonly publicKey: string
  readonly timeCreated?: string
  readonly etag?: string
}

/** How long the tenancy's audit is kept; one row, absent until somebody says it. */
export interface AuditConfigurationRow extends IdentityRowBase {
  readonly kind: 'auditConfiguration'
  readonly retentionPeriodDays: number
  readonly etag: string
}

interface TaggingRowBase extends IdentityRowBase {
  readonly id: string
  readonly timeCreated: string
  readonly etag: string
}

/** Names the keys of defined tags; its own name is unique in the tenancy, whatever the case. */
export interface TagNamespaceRow extends TaggingRowBase {
  readonly kind: 'tagNamespace'
  readonly compartmentId: string
  readonly name: string
  readonly description: string
  readonly isRetired: boolean
  /** How often it was retired: a key that was last in use before the last time is retired with it. */
  readonly retirements: number
  readonly freeformTags: Tags
  readonly definedTags: DefinedTags
}

/** A key of defined tags. */
export interface TagRow extends TaggingRowBase {
  readonly kind: 'tag'
  readonly tagNamespaceId: string
  readonly name: string
  readonly description: string
  readonly isRetired: boolean
  /** Of its namespace, when it was made or taken into use again. */
  readonly retirements: number
  readonly isCostTracking: boolean
  /** The values it takes; null: any. */
  readonly values: readonly string[] | null
  readonly freeformTags: Tags
  readonly definedTags: DefinedTags
}

/** What is made in a compartment, or below it, gets this tag. */
export interface TagDefaultRow extends TaggingRowBase {
  readonly kind: 'tagDefault'
  readonly compartmentId: string
  readonly tagId: string
  readonly value: string
  /** Whoever makes something must say the value. */
  readonly isRequired: boolean
}

/** Makes a policy's name unique in the tenancy. */
interface PolicyNameRow extends IdentityRowBase {
  readonly kind: 'policyName'
  readonly policyId: string
}

/** Makes a compartment's name unique among its siblings. */
interface CompartmentNameRow extends IdentityRowBase {
  readonly kind: 'compartmentName'
  readonly compartmentId: string
}

export type IdentityRow =
  | CompartmentRow
  | PolicyRow
  | UserRow
  | GroupRow
  | DynamicGroupRow
  | TrustedIssuerRow
  | MembershipRow
  | ApiKeyRow
  | AuditConfigurationRow
  | TagNamespaceRow
  | TagRow
  | TagDefaultRow
  | PolicyNameRow
  | CompartmentNameRow

/** A row before the log gives it its number and signature. */
export type NewIdentityRow = IdentityRow extends infer R
  ? R extends IdentityRow
    ? Omit<R, 'pk' | 'format' | 'seq' | 'signature'> & { readonly sk: string }
    : never
  : never

export const identitySk = {
  compartment: (id: string) => `compartment#${id}`,
  compartmentName: (parentId: string, name: string) => `compartmentName#${parentId}#${name.toLowerCase()}`,
  policy: (id: string) => `policy#${id}`,
  policyName: (name: string) => `policyName#${name.toLowerCase()}`,
  user: (id: string) => `user#${id}`,
  group: (id: string) => `group#${id}`,
  dynamicGroup: (id: string) => `dynamicGroup#${id}`,
  trustedIssuer: (id: string) => `trustedIssuer#${id}`,
  membership: (userId: string, groupId: string) => `membership#${userId}#${groupId}`,
  apiKey: (userId: string, fingerprint: string) => `apiKey#${userId}#${fingerprint}`,
  auditConfiguration: 'auditConfiguration',
  tagNamespace: (id: string) => `tagNamespace#${id}`,
  tag: (id: string) => `tag#${id}`,
  tagDefault: (id: string) => `tagDefault#${id}`,
  log: (seq: number) => `log#${String(seq).padStart(12, '0')}`,
  head: 'head',
} as const

/** One step of a tenancy's identity. Entries have no gaps: applied in order, they give every region the same rows. */
export interface LogEntry extends Item {
  readonly format: 'vaultspan/identity-entry/1'
  readonly seq: number
  readonly puts: readonly (IdentityRow & JsonObject)[]
  /** Sort keys of the rows that go. */
  readonly deletes: readonly string[]
  /** Of all rows as they stand behind this entry (tenancyState.ts); entries of the first version have none. */
  readonly stateDigest?: string
  readonly signature: string
}
