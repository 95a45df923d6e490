import { KmsError } from '../../../errors.ts'
import { madeOnce } from '../../../madeOnce.ts'
import type { DefinedTags } from '../../rows/rows.ts'
import type { TagDefaultRow, TagNamespaceRow, TagRow } from '../identityRows.ts'
import { effectiveDefaults, isTagRetired, namespacesIn, requireTagging, tagsIn } from '../taggingState.ts'
import type { TenancyState } from '../tenancyState.ts'

/** Which defined tags a resource may have, and which it gets by default (docs/tags.md). */

interface Known {
  readonly row: TagNamespaceRow
  /** By their names in lower case. */
  readonly tags: ReadonlyMap<string, TagRow>
}

const namespaces = new WeakMap<TenancyState, ReadonlyMap<string, Known>>()

/** By their names in lower case; made once for each entry of the tenancy's log. */
function namespacesOf(state: TenancyState): ReadonlyMap<string, Known> {
  return madeOnce(namespaces, state, () => {
    const known = namespacesIn(state).map((row): [string, Known] => [
      row.name.toLowerCase(),
      { row, tags: new Map(tagsIn(state, row.id).map((tag) => [tag.name.toLowerCase(), tag])) },
    ])
    return new Map(known)
  })
}

interface Tag {
  readonly namespace: string
  readonly key: string
  readonly value: DefinedTags[string][string]
}

/** By namespace and key in lower case. */
function tagsOf(defined: DefinedTags): ReadonlyMap<string, Tag> {
  return new Map(
    Object.entries(defined).flatMap(([namespace, tags]) =>
      Object.entries(tags).map(([key, value]): [string, Tag] => [
        nameOf(namespace, key).toLowerCase(),
        { namespace, key, value },
      ]),
    ),
  )
}

function nameOf(namespace: string, key: string): string {
  // No name of a namespace or key has a dot of its own.
  return `${namespace}.${key}`
}

/** Whether the caller may use a namespace's keys: for tags that they set, change or take away. */
export type MayUse = (namespace: TagNamespaceRow) => boolean

/**
 * Of what is asked for, only what differs from what stands is judged: a resource keeps the tags it has, whatever became of
 * their keys. Nothing is judged in a tenancy without a tag namespace.
 * @throws KmsError invalidParameter, naming what is not there, not the caller's to use, retired, or of another value.
 */
export function requireKnownTags(state: TenancyState, asked: DefinedTags, standing: DefinedTags, mayUse: MayUse): void {
  const known = namespacesOf(state)
  if (known.size === 0) return
  const [wanted, had] = [tagsOf(asked), tagsOf(standing)]
  const [unknown, retired, otherwise]: [Set<string>, string[], string[]] = [new Set(), [], []]
  for (const [folded, { namespace, key, value }] of wanted) {
    if (had.get(folded)?.value === value) continue
    const found = known.get(namespace.toLowerCase())
    const tag = found?.tags.get(key.toLowerCase())
    if (found === undefined || !mayUse(found.row)) unknown.add(namespace)
    else if (tag === undefined) unknown.add(nameOf(namespace, key))
    else if (isTagRetired(tag, found.row)) retired.push(nameOf(namespace, key))
    else if (tag.values?.includes(typeof value === 'string' ? value : JSON.stringify(value)) === false)
      otherwise.push(nameOf(namespace, key))
  }
  for (const [folded, { namespace }] of had) {
    const found = wanted.has(folded) ? undefined : known.get(namespace.toLowerCase())
    if (found !== undefined && !mayUse(found.row)) unknown.add(namespace)
  }
  refuse('These tag namespaces or keys do not exist, or you may not use them', [...unknown])
  refuse('These tag keys are retired and set on nothing any more', retired)
  refuse('The values of these tags are none of those that their keys take', otherwise)
}

const maxNamed = 10
const maxShown = 100

function refuse(what: string, names: readonly string[]): void {
  if (names.length === 0) return
  const shown = names.slice(0, maxNamed).map((name) => name.slice(0, maxShown))
  const more = names.length > maxNamed ? ` and ${names.length - maxNamed} more` : ''
  throw new KmsError('invalidParameter', `${what}: ${shown.join(', ')}${more}.`)
}

export interface Maker {
  /** The compartment into which something comes, and all above it. */
  readonly path: readonly string[]
  readonly principal: { readonly name: string; readonly kind: string }
  readonly now: number
  readonly mayUse: MayUse
}

/**
 * What a new resource is tagged with: what is asked for, and the defaults of its compartment that it does not say itself.
 * @throws KmsError invalidParameter as above, and where a default is required and not said.
 */
export function tagsOfNew(state: TenancyState, asked: DefinedTags, { path, mayUse, ...maker }: Maker): DefinedTags {
  requireKnownTags(state, asked, {}, mayUse)
  const said = tagsOf(asked)
  const missing: string[] = []
  let tags = asked
  for (const each of effectiveDefaults(state, path)) {
    const tag = requireTagging(state, 'tag', each.tagId)
    const namespace = requireTagging(state, 'tagNamespace', tag.tagNamespaceId)
    if (isTagRetired(tag, namespace)) continue
    const name = nameOf(namespace.name, tag.name)
    const value = said.get(name.toLowerCase())?.value
    if (value !== undefined && !(each.isRequired && (value === null || value === ''))) continue
    if (each.isRequired) missing.push(name)
    else tags = withTag(tags, namespace.name, tag.name, valueOf(each, maker))
  }
  refuse('The compartment wants values of these tags', missing)
  return tags
}

function withTag(tags: DefinedTags, namespace: string, key: string, value: string): DefinedTags {
  const folded = namespace.toLowerCase()
  const spelled = Object.keys(tags).find((name) => name.toLowerCase() === folded) ?? namespace
  return { ...tags, [spelled]: { ...tags[spelled], [key]: value } }
}

/** OCI's tag variables. */
const tagVariables = {
  'iam.principal.name': ({ principal }: Valued) => principal.name,
  'iam.principal.type': ({ principal }: Valued) => principal.kind,
  'oci.datetime': ({ now }: Valued) => new Date(now).toISOString(),
}
type Valued = Pick<Maker, 'principal' | 'now'>
const variableForm = new RegExp(
  String.raw`\$\{(${Object.keys(tagVariables)
    .join('|')
    .replaceAll('.', String.raw`\.`)})\}`,
  'g',
)

function valueOf({ value }: TagDefaultRow, maker: Valued): string {
  return value.replace(variableForm, (_whole, name: keyof typeof tagVariables) => tagVariables[name](maker))
}

/** @throws KmsError invalidParameter for `${` that begins none of the variables: it would be set as it stands. */
export function requireTagVariables(value: string): void {
  if (!value.replace(variableForm, '').includes('${')) return
  const known = Object.keys(tagVariables).map((name) => `\${${name}}`)
  throw new KmsError('invalidParameter', `value has a variable that is none; there are ${known.join(', ')}.`)
}
