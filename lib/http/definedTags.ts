import type { TagNamespaceRow } from '../kms/identity/identityRows.ts'
import { requireKnownTags, tagsOfNew } from '../kms/identity/tagging/definedTags.ts'
import type { DefinedTags } from '../kms/rows/rows.ts'
import { isAuthorized, type Variables } from './isAuthorized.ts'
import type { Request } from './operation.ts'

interface Tagged {
  readonly definedTags: DefinedTags
}

/** What a new resource in a compartment is made of: the same with its defined tags judged, and the compartment's defaults. */
export async function withDefaultTags<T extends Tagged>(
  request: Request,
  compartmentId: string,
  details: T,
): Promise<T & Tagged> {
  const { principal, tree } = request.caller
  const state = await request.ports.identity.state(principal.tenancyId)
  const maker = { path: tree.ancestors(compartmentId), principal, now: request.now, mayUse: mayUse(request) }
  return { ...details, definedTags: tagsOfNew(state, details.definedTags, maker) }
}

/** For a change of what a resource has: what stays as it is, is not judged. */
export async function requireTagsTaken(
  request: Request,
  { definedTags: asked }: { readonly definedTags?: DefinedTags | null | undefined },
  standing: Tagged,
): Promise<void> {
  if (asked == null) return
  const state = await request.ports.identity.state(request.caller.principal.tenancyId)
  requireKnownTags(state, asked, standing.definedTags, mayUse(request))
}

function mayUse(request: Request) {
  return (namespace: TagNamespaceRow) =>
    isAuthorized(request, ['TAG_NAMESPACE_USE'], namespace.compartmentId, namespaceVariables(namespace))
}

/** What conditions may ask of a tag namespace, as in OCI. */
export function namespaceVariables({ id, name }: Pick<TagNamespaceRow, 'id' | 'name'>): Variables {
  return { 'target.tag-namespace.id': id, 'target.tag-namespace.name': name }
}
