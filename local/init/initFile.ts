import * as v from 'valibot'
import { parseUniqueJson, RepeatedMember } from '../../lib/parseUniqueJson.ts'
import { UserError } from '../../lib/userError.ts'

/** What `--init FILE` makes. Names stand for OCIDs: each is the file's own, and said once in its list. */

const name = v.pipe(v.string(), v.nonEmpty('a name'))
const description = v.optional(v.string())

const compartment = v.strictObject({ name, description, parent: v.optional(name) })
const group = v.strictObject({ name, description })
const user = v.strictObject({
  name,
  description,
  email: v.optional(v.string()),
  groups: v.optional(v.array(name), []),
  /** PEM, for signing requests. */
  publicKeys: v.optional(v.array(v.string()), []),
})
const policy = v.strictObject({
  name,
  description,
  compartment: v.optional(name),
  statements: v.pipe(v.array(v.string()), v.minLength(1, 'at least one statement')),
})
const shape = v.strictObject({ algorithm: v.string(), length: v.number(), curveId: v.optional(v.string()) })
const key = v.strictObject({
  name,
  compartment: v.optional(name),
  shape: v.optional(shape, { algorithm: 'AES', length: 32 }),
  protectionMode: v.optional(v.picklist(['HSM', 'SOFTWARE']), 'HSM'),
  versions: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(50)), 1),
})
const vault = v.strictObject({
  name,
  compartment: v.optional(name),
  region: v.optional(name),
  type: v.optional(v.picklist(['DEFAULT', 'VIRTUAL_PRIVATE']), 'DEFAULT'),
  replicateTo: v.optional(name),
  keys: v.optional(v.array(key), []),
})
const initFile = v.strictObject({
  compartments: v.optional(v.array(compartment), []),
  groups: v.optional(v.array(group), []),
  users: v.optional(v.array(user), []),
  policies: v.optional(v.array(policy), []),
  vaults: v.optional(v.array(vault), []),
})

export type Init = v.InferOutput<typeof initFile>

/** @throws UserError naming the JSON path of the first thing that is wrong. */
export function parseInit(value: unknown): Init {
  if (Array.isArray(value)) throw new UserError('$: an object is expected, not a list.')
  const { success, output, issues } = v.safeParse(initFile, value)
  if (!success) {
    const [{ path = [], message }] = issues
    throw new UserError(`${pathText(path.map(({ key: part }) => part))}: ${message}`)
  }
  for (const list of ['compartments', 'groups', 'users', 'policies', 'vaults'] as const) requireOnce(output[list], list)
  for (const [index, { keys }] of output.vaults.entries()) requireOnce(keys, `vaults[${index}].keys`)
  return output
}

export function parseInitText(text: string): Init {
  let value: unknown
  try {
    value = parseUniqueJson(text)
  } catch (cause) {
    if (cause instanceof RepeatedMember) throw new UserError(cause.message, { cause })
    throw new UserError('it is not valid JSON.', { cause })
  }
  return parseInit(value)
}

function pathText(parts: readonly unknown[]): string {
  return parts.reduce<string>((text, part) => text + (typeof part === 'number' ? `[${part}]` : `.${String(part)}`), '$')
}

function requireOnce(list: readonly { readonly name: string }[], path: string): void {
  const seen = new Set<string>()
  for (const [index, each] of list.entries()) {
    if (seen.has(each.name)) throw new UserError(`$.${path}[${index}].name: "${each.name}" is there twice.`)
    seen.add(each.name)
  }
}
