import { bodyless } from '../../lib/http/operation.ts'
import { isTagRetired, tagsIn } from '../../lib/kms/identity/taggingState.ts'
import { identityPage } from './identityPage.ts'
import { authorizedTagNamespace, tagState } from './tagNamespaceWire.ts'
import { toTag } from './tagWire.ts'
import { lifecycleAsked } from './tenancyWide.ts'

/** The keys of a namespace. */
export const listTagsOperation = bodyless('ListTags', async (request) => {
  const namespace = await authorizedTagNamespace(request)
  const isAsked = lifecycleAsked(request.query)
  const state = await request.ports.identity.state(request.caller.principal.tenancyId)
  const listed = tagsIn(state, namespace.id).filter((tag) => isAsked(tagState(isTagRetired(tag, namespace))))
  return identityPage(request, listed, (tag) => toTag(tag, namespace))
})
