import * as v from 'valibot'
import { refuseAbsent } from '../../lib/http/authorize.ts'
import { tagValueOf } from '../../lib/http/fields.ts'
import type { Request } from '../../lib/http/operation.ts'
import type { JsonObject } from '../../lib/canonicalJson.ts'
import type { TagNamespaceRow, TagRow } from '../../lib/kms/identity/identityRows.ts'
import { isTagRetired, tagNamed } from '../../lib/kms/identity/taggingState.ts'
import { tenancyState } from '../../lib/kms/identity/tenancyState.ts'
import { authorizedTagNamespace, tagState } from './tagNamespaceWire.ts'

const maxValues = 500
/** An identity row lies in the table and in its log, each of which takes 400 KB on AWS. */
const maxValuesText = 60_000

const values = v.pipe(
  v.array(tagValueOf(1)),
  v.minLength(1, 'at least one value'),
  v.maxLength(maxValues, `at most ${maxValues} values`),
  v.check((list) => new Set(list).size === list.length, 'each value once'),
  v.check((list) => JSON.stringify(list).length <= maxValuesText, `at most ${maxValuesText} characters in all`),
)

/** What a key takes: a list, or with DEFAULT anything. */
export const validator = v.pipe(
  v.variant('validatorType', [
    v.object({ validatorType: v.literal('ENUM'), values }),
    v.object({ validatorType: v.literal('DEFAULT') }),
  ]),
  v.transform((given) => ({ values: given.validatorType === 'ENUM' ? given.values : null })),
)

/** Tag, and the summary in lists. */
export function toTag(row: TagRow, namespace: TagNamespaceRow): JsonObject {
  const { id, name, description, timeCreated, isCostTracking, freeformTags, definedTags } = row
  const isRetired = isTagRetired(row, namespace)
  return {
    id,
    compartmentId: namespace.compartmentId,
    tagNamespaceId: namespace.id,
    tagNamespaceName: namespace.name,
    name,
    description,
    isRetired,
    lifecycleState: tagState(isRetired),
    timeCreated,
    isCostTracking,
    validator: row.values === null ? null : { validatorType: 'ENUM', values: row.values },
    freeformTags,
    definedTags,
  }
}

/** The key that the path names, if the caller may do to its namespace what the operation does. */
export async function authorizedTag(request: Request): Promise<{ namespace: TagNamespaceRow; tag: TagRow }> {
  const namespace = await authorizedTagNamespace(request)
  const { tagName: name = '' } = request.parameters
  const tag = tagNamed(await tenancyState(request.ports, request.caller.principal.tenancyId), namespace.id, name)
  if (tag === undefined) return refuseAbsent(request, { name: 'noSuchIdentity', kind: 'tag', id: name })
  request.target.resourceId = tag.id
  request.target.resourceName = `${namespace.name}.${tag.name}`
  return { namespace, tag }
}
