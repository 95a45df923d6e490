import type { OperationName } from '../iam/operationPermissions.ts'
import { outOfScope } from './outOfScope.ts'

/** Which function serves an operation, and at which endpoint it answers: the region's own or a vault's. */
export type FunctionName = 'vault' | 'keys' | 'crypto' | 'identity' | 'audit'
export type Plane = 'region' | 'vault'

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** `{name}` stands for one path segment. */
  readonly path: string
  readonly serves: FunctionName
  readonly plane: Plane
  /** The body is a file, not JSON. */
  readonly takesFile?: true
}

const vaults = '/20180608/vaults'
const keys = '/20180608/keys'
const compartments = '/20160918/compartments'

/** Every operation there is, by its operationId. The router, the local gateway and serverless.yml follow this table. */
export const routes = {
  ListVaults: { method: 'GET', path: vaults, serves: 'vault', plane: 'region' },
  CreateVault: { method: 'POST', path: vaults, serves: 'vault', plane: 'region' },
  GetVault: { method: 'GET', path: `${vaults}/{vaultId}`, serves: 'vault', plane: 'region' },
  UpdateVault: { method: 'PUT', path: `${vaults}/{vaultId}`, serves: 'vault', plane: 'region' },
  ScheduleVaultDeletion: {
    method: 'POST',
    path: `${vaults}/{vaultId}/actions/scheduleDeletion`,
    serves: 'vault',
    plane: 'region',
  },
  CancelVaultDeletion: {
    method: 'POST',
    path: `${vaults}/{vaultId}/actions/cancelDeletion`,
    serves: 'vault',
    plane: 'region',
  },
  ChangeVaultCompartment: {
    method: 'POST',
    path: `${vaults}/{vaultId}/actions/changeCompartment`,
    serves: 'vault',
    plane: 'region',
  },
  BackupVault: { method: 'POST', path: `${vaults}/{vaultId}/actions/backup`, serves: 'vault', plane: 'region' },
  RestoreVaultFromFile: {
    method: 'POST',
    path: `${vaults}/actions/restoreFromFile`,
    serves: 'vault',
    plane: 'region',
    takesFile: true,
  },
  RestoreVaultFromObjectStore: {
    method: 'POST',
    path: `${vaults}/actions/restoreFromObjectStore`,
    serves: 'vault',
    plane: 'region',
  },
  GetVaultUsage: { method: 'GET', path: `${vaults}/{vaultId}/usage`, serves: 'vault', plane: 'region' },
  ListKeyVersionUsage: { method: 'GET', path: '/20180608/usage/keyVersions', serves: 'vault', plane: 'region' },
  CreateVaultReplica: {
    method: 'POST',
    path: `${vaults}/{vaultId}/actions/createReplica`,
    serves: 'vault',
    plane: 'region',
  },
  DeleteVaultReplica: {
    method: 'POST',
    path: `${vaults}/{vaultId}/actions/deleteReplica`,
    serves: 'vault',
    plane: 'region',
  },
  ListVaultReplicas: {
    method: 'GET',
    path: `${vaults}/{vaultId}/actions/listReplicas`,
    serves: 'vault',
    plane: 'region',
  },

  ListKeys: { method: 'GET', path: keys, serves: 'keys', plane: 'vault' },
  CreateKey: { method: 'POST', path: keys, serves: 'keys', plane: 'vault' },
  GetKey: { method: 'GET', path: `${keys}/{keyId}`, serves: 'keys', plane: 'vault' },
  UpdateKey: { method: 'PUT', path: `${keys}/{keyId}`, serves: 'keys', plane: 'vault' },
  EnableKey: { method: 'POST', path: `${keys}/{keyId}/actions/enable`, serves: 'keys', plane: 'vault' },
  DisableKey: { method: 'POST', path: `${keys}/{keyId}/actions/disable`, serves: 'keys', plane: 'vault' },
  ScheduleKeyDeletion: {
    method: 'POST',
    path: `${keys}/{keyId}/actions/scheduleDeletion`,
    serves: 'keys',
    plane: 'vault',
  },
  CancelKeyDeletion: { method: 'POST', path: `${keys}/{keyId}/actions/cancelDeletion`, serves: 'keys', plane: 'vault' },
  ChangeKeyCompartment: {
    method: 'POST',
    path: `${keys}/{keyId}/actions/changeCompartment`,
    serves: 'keys',
    plane: 'vault',
  },
  ListKeyVersions: { method: 'GET', path: `${keys}/{keyId}/keyVersions`, serves: 'keys', plane: 'vault' },
  CreateKeyVersion: { method: 'POST', path: `${keys}/{keyId}/keyVersions`, serves: 'keys', plane: 'vault' },
  GetKeyVersion: { method: 'GET', path: `${keys}/{keyId}/keyVersions/{keyVersionId}`, serves: 'keys', plane: 'vault' },
  ScheduleKeyVersionDeletion: {
    method: 'POST',
    path: `${keys}/{keyId}/keyVersions/{keyVersionId}/actions/scheduleDeletion`,
    serves: 'keys',
    plane: 'vault',
  },
  CancelKeyVersionDeletion: {
    method: 'POST',
    path: `${keys}/{keyId}/keyVersions/{keyVersionId}/actions/cancelDeletion`,
    serves: 'keys',
    plane: 'vault',
  },
  GetReplicationStatus: {
    method: 'GET',
    path: '/20180608/replicaOperations/{replicationId}/status',
    serves: 'keys',
    plane: 'vault',
  },

  BackupKey: { method: 'POST', path: `${keys}/{keyId}/actions/backup`, serves: 'keys', plane: 'vault' },
  RestoreKeyFromFile: {
    method: 'POST',
    path: `${keys}/actions/restoreFromFile`,
    serves: 'keys',
    plane: 'vault',
    takesFile: true,
  },
  RestoreKeyFromObjectStore: {
    method: 'POST',
    path: `${keys}/actions/restoreFromObjectStore`,
    serves: 'keys',
    plane: 'vault',
  },
  GetWrappingKey: { method: 'GET', path: '/20180608/wrappingKeys', serves: 'keys', plane: 'vault' },
  ImportKey: { method: 'POST', path: `${keys}/import`, serves: 'keys', plane: 'vault' },
  ImportKeyVersion: { method: 'POST', path: `${keys}/{keyId}/keyVersions/import`, serves: 'keys', plane: 'vault' },

  Encrypt: { method: 'POST', path: '/20180608/encrypt', serves: 'crypto', plane: 'vault' },
  Decrypt: { method: 'POST', path: '/20180608/decrypt', serves: 'crypto', plane: 'vault' },
  GenerateDataEncryptionKey: {
    method: 'POST',
    path: '/20180608/generateDataEncryptionKey',
    serves: 'crypto',
    plane: 'vault',
  },
  Sign: { method: 'POST', path: '/20180608/sign', serves: 'crypto', plane: 'vault' },
  Verify: { method: 'POST', path: '/20180608/verify', serves: 'crypto', plane: 'vault' },
  ExportKey: { method: 'POST', path: '/20180608/exportKey', serves: 'crypto', plane: 'vault' },

  ListCompartments: { method: 'GET', path: compartments, serves: 'identity', plane: 'region' },
  CreateCompartment: { method: 'POST', path: compartments, serves: 'identity', plane: 'region' },
  GetCompartment: { method: 'GET', path: `${compartments}/{compartmentId}`, serves: 'identity', plane: 'region' },
  UpdateCompartment: { method: 'PUT', path: `${compartments}/{compartmentId}`, serves: 'identity', plane: 'region' },
  DeleteCompartment: { method: 'DELETE', path: `${compartments}/{compartmentId}`, serves: 'identity', plane: 'region' },
  ListPolicies: { method: 'GET', path: '/20160918/policies', serves: 'identity', plane: 'region' },
  CreatePolicy: { method: 'POST', path: '/20160918/policies', serves: 'identity', plane: 'region' },
  GetPolicy: { method: 'GET', path: '/20160918/policies/{policyId}', serves: 'identity', plane: 'region' },
  UpdatePolicy: { method: 'PUT', path: '/20160918/policies/{policyId}', serves: 'identity', plane: 'region' },
  DeletePolicy: { method: 'DELETE', path: '/20160918/policies/{policyId}', serves: 'identity', plane: 'region' },

  ListEvents: { method: 'GET', path: '/20190901/auditEvents', serves: 'audit', plane: 'region' },
} as const satisfies Partial<Record<OperationName, Route>>

export type RoutedOperation = keyof typeof routes

export interface Match {
  readonly operation: RoutedOperation
  readonly parameters: Readonly<Record<string, string>>
}

/** An operation of OCI that this service does not have. */
export interface OutOfScope {
  readonly outOfScope: keyof typeof outOfScope
}

interface Node {
  readonly literals: Map<string, Node>
  parameter?: Node
  readonly operations: Map<string, { operation: string; names: readonly string[] }>
}

const root = buildTree({ ...routes, ...outOfScope })

function buildTree(table: Readonly<Record<string, Pick<Route, 'method' | 'path'>>>): Node {
  const tree: Node = { literals: new Map(), operations: new Map() }
  for (const [operation, route] of Object.entries(table)) {
    const names: string[] = []
    let node = tree
    for (const segment of route.path.slice(1).split('/')) {
      const isParameter = segment.startsWith('{')
      if (isParameter) names.push(segment.slice(1, -1))
      const next: Node = (isParameter ? node.parameter : node.literals.get(segment)) ?? {
        literals: new Map(),
        operations: new Map(),
      }
      if (isParameter) node.parameter = next
      else node.literals.set(segment, next)
      node = next
    }
    node.operations.set(route.method, { operation, names })
  }
  return tree
}

/**
 * Finds the operation of a raw path; several slashes at its start count as one (contract §1.4).
 * `wrongMethod`: the path exists, with other methods. A segment that is not valid percent-encoding is no route.
 */
export function matchRoute(method: string, rawPath: string): Match | OutOfScope | 'noRoute' | 'wrongMethod' {
  const segments = rawPath.replace(/^\/+/, '').split('/')
  const values: string[] = []
  let node = root
  for (const segment of segments) {
    const literal = node.literals.get(segment)
    if (literal !== undefined) {
      node = literal
      continue
    }
    const value = decode(segment)
    if (node.parameter === undefined || value === undefined || value === '') return 'noRoute'
    values.push(value)
    node = node.parameter
  }
  const found = node.operations.get(method)
  if (found === undefined) return node.operations.size > 0 ? 'wrongMethod' : 'noRoute'
  const { operation, names } = found
  if (operation in outOfScope) return { outOfScope: operation as OutOfScope['outOfScope'] }
  return {
    operation: operation as RoutedOperation,
    parameters: Object.fromEntries(names.map((name, index) => [name, values[index] ?? ''])),
  }
}

/** Which function answers a request; what no operation has, the vault function answers. */
export function servingFunction(method: string, rawPath: string): FunctionName {
  const match = matchRoute(method, rawPath)
  return typeof match !== 'string' && 'operation' in match ? routes[match.operation].serves : 'vault'
}

function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment)
  } catch {
    return undefined
  }
}
