/** Verbs from weakest to strongest: each grants the weaker ones' permissions too. */
export const verbs = ['inspect', 'read', 'use', 'manage'] as const
export type Verb = (typeof verbs)[number]

/**
 * What each verb adds for a resource type (contract §9.4). Rows below the blank line are not in §9.4: they are Oracle's
 * documented permissions for the Identity operations of contract §2.8.
 */
export const permissionsByVerb = {
  vaults: {
    inspect: ['VAULT_INSPECT'],
    read: ['VAULT_READ'],
    use: ['VAULT_CREATE_KEY', 'VAULT_IMPORT_KEY', 'VAULT_CREATE_SECRET'],
    manage: [
      'VAULT_CREATE',
      'VAULT_UPDATE',
      'VAULT_DELETE',
      'VAULT_MOVE',
      'VAULT_BACKUP',
      'VAULT_RESTORE',
      'VAULT_REPLICATE',
    ],
  },
  keys: {
    inspect: ['KEY_INSPECT'],
    read: ['KEY_READ'],
    use: ['KEY_ENCRYPT', 'KEY_DECRYPT', 'KEY_EXPORT', 'KEY_SIGN', 'KEY_VERIFY'],
    manage: [
      'KEY_CREATE',
      'KEY_UPDATE',
      'KEY_ROTATE',
      'KEY_DELETE',
      'KEY_MOVE',
      'KEY_IMPORT',
      'KEY_BACKUP',
      'KEY_RESTORE',
    ],
  },
  'key-delegate': { inspect: [], read: [], use: ['KEY_ASSOCIATE', 'KEY_DISASSOCIATE'], manage: [] },
  'hsm-cluster': {
    inspect: ['HSM_CLUSTER_INSPECT'],
    read: ['HSM_CLUSTER_READ'],
    use: ['HSM_CLUSTER_UPDATE'],
    manage: ['HSM_CLUSTER_DELETE', 'HSM_CLUSTER_CREATE', 'HSM_CLUSTER_MOVE'],
  },
  'audit-events': {
    inspect: [],
    read: ['AUDIT_EVENT_READ', 'AUDIT_CONFIGURATION_READ'],
    use: [],
    manage: ['AUDIT_CONFIGURATION_UPDATE'],
  },
  policies: {
    inspect: ['POLICY_READ'],
    read: [],
    use: [],
    manage: ['POLICY_UPDATE', 'POLICY_CREATE', 'POLICY_DELETE'],
  },
  compartments: {
    inspect: ['COMPARTMENT_INSPECT'],
    read: [],
    use: ['COMPARTMENT_UPDATE'],
    manage: ['COMPARTMENT_CREATE', 'COMPARTMENT_DELETE', 'COMPARTMENT_RECOVER'],
  },

  users: {
    inspect: ['USER_INSPECT'],
    read: ['USER_READ'],
    use: ['USER_UPDATE'],
    manage: ['USER_CREATE', 'USER_DELETE', 'USER_APIKEY_ADD', 'USER_APIKEY_REMOVE'],
  },
  groups: { inspect: ['GROUP_INSPECT'], read: [], use: ['GROUP_UPDATE'], manage: ['GROUP_CREATE', 'GROUP_DELETE'] },
  'dynamic-groups': {
    inspect: ['DYNAMIC_GROUP_INSPECT'],
    read: [],
    use: ['DYNAMIC_GROUP_UPDATE'],
    manage: ['DYNAMIC_GROUP_CREATE', 'DYNAMIC_GROUP_DELETE'],
  },
  'tag-namespaces': {
    inspect: ['TAG_NAMESPACE_INSPECT'],
    read: [],
    use: ['TAG_NAMESPACE_USE'],
    manage: ['TAG_NAMESPACE_CREATE', 'TAG_NAMESPACE_UPDATE', 'TAG_NAMESPACE_MOVE', 'TAG_NAMESPACE_DELETE'],
  },
  'tag-defaults': {
    inspect: ['TAG_DEFAULT_INSPECT'],
    read: [],
    use: [],
    manage: ['TAG_DEFAULT_CREATE', 'TAG_DEFAULT_UPDATE', 'TAG_DEFAULT_DELETE'],
  },
  /** Ours alone: OCI has identity domains for it. */
  'trusted-issuers': {
    inspect: ['TRUSTED_ISSUER_INSPECT'],
    read: [],
    use: [],
    manage: ['TRUSTED_ISSUER_CREATE', 'TRUSTED_ISSUER_DELETE'],
  },
  tenancies: { inspect: ['TENANCY_INSPECT'], read: [], use: ['TENANCY_UPDATE'], manage: [] },
} as const satisfies Record<string, Record<Verb, readonly string[]>>

export type ResourceType = keyof typeof permissionsByVerb
export type Permission = (typeof permissionsByVerb)[ResourceType][Verb][number]

const resourceTypes = Object.keys(permissionsByVerb) as ResourceType[]

/** The members of each family; a type that is not here stands for itself. */
const families: Readonly<Record<string, readonly ResourceType[]>> = {
  'key-family': ['vaults', 'keys', 'key-delegate'],
  'secret-family': [],
  'all-resources': resourceTypes,
}

/** Every resource type and family that a statement can name with effect. */
export const resourceNames: readonly string[] = [...resourceTypes, ...Object.keys(families)]

const everyPermission: ReadonlySet<string> = new Set(
  resourceTypes.flatMap((type) => verbs.flatMap((verb): readonly string[] => permissionsByVerb[type][verb])),
)

export function isPermission(text: string): text is Permission {
  return everyPermission.has(text)
}

/**
 * What a verb grants on a resource type or family, both in lower case. Other services' resource types are legal in a
 * policy and grant nothing here.
 */
export function permissionsOf(verb: Verb, resource: string): readonly Permission[] {
  const types = Object.hasOwn(families, resource)
    ? families[resource]
    : resourceTypes.filter((type) => type === resource)
  const granted = verbs.slice(0, verbs.indexOf(verb) + 1)
  return (types ?? []).flatMap((type) =>
    granted.flatMap((each): readonly Permission[] => permissionsByVerb[type][each]),
  )
}
