import { operations, rowOf, type FunctionName, type OperationName, type OperationRow } from './operations.ts'
import { notOffered, outOfScope } from './outOfScope.ts'
import { maxBodyBytes } from './wireRequest.ts'

export interface Match {
  readonly operation: OperationName
  readonly parameters: Readonly<Record<string, string>>
}

/** An operation of OCI that this service does not have. */
export interface OutOfScope {
  readonly outOfScope: string
}

/** What stands at a method and a path. `wrongMethod`: the path exists, with other methods. */
export type Found = Match | OutOfScope | 'noRoute' | 'wrongMethod'

/** What stands at paths without parameters, by path and method: crypto's, which are asked for most. */
const fixed = new Map<string, Map<string, Match>>()
for (const [name, { path, method }] of Object.entries(operations)) {
  if (path.includes('{')) continue
  const methods = fixed.get(path) ?? new Map<string, Match>()
  fixed.set(path, methods.set(method, { operation: name as OperationName, parameters: {} }))
}

interface Node {
  readonly literals: Map<string, Node>
  parameter?: Node
  readonly operations: Map<string, { operation: string; names: readonly string[] }>
}

const root = buildTree({ ...operations, ...outOfScope })

function buildTree(table: Readonly<Record<string, Pick<OperationRow, 'method' | 'path'>>>): Node {
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
 * A segment that is not valid percent-encoding is no route.
 */
export function matchRoute(method: string, rawPath: string): Found {
  const exact = fixed.get(rawPath)?.get(method)
  if (exact !== undefined) return exact
  const segments = rawPath.replace(/^\/+/, '').split('/')
  const found = walk(method, segments)
  const service = segments[0] === 'n' ? 'n' : segments.slice(0, 2).join('/')
  if (found !== 'noRoute' || !Object.hasOwn(notOffered, service)) return found
  return { outOfScope: notOffered[service as keyof typeof notOffered] }
}

function walk(method: string, segments: readonly string[]): Found {
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
  if (operation in outOfScope) return { outOfScope: operation }
  return {
    operation: operation as OperationName,
    parameters: Object.fromEntries(names.map((name, index) => [name, values[index] ?? ''])),
  }
}

/** Which function answers a request; what no operation has, the vault function answers. */
export function servingFunction(method: string, rawPath: string): FunctionName {
  return functionOf(matchRoute(method, rawPath))
}

/** Which function answers what was found. */
export function functionOf(found: Found): FunctionName {
  return rowFound(found)?.serves ?? 'vault'
}

/** How many bytes a body may have here; `maxFileBytes` is the host's limit for files. */
export function bodyLimit(found: Found, maxFileBytes: number): number {
  return rowFound(found)?.body === 'file' ? maxFileBytes : maxBodyBytes
}

function rowFound(found: Found): OperationRow | undefined {
  return typeof found !== 'string' && 'operation' in found ? rowOf(found.operation) : undefined
}

function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment)
  } catch {
    return undefined
  }
}
