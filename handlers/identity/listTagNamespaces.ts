import { authorizedCompartment } from '../../lib/http/authorize.ts'
import { namespaceVariables } from '../../lib/http/definedTags.ts'
import { optionalChoice, requiredOcid } from '../../lib/http/fields.ts'
import { isAuthorized } from '../../lib/http/isAuthorized.ts'
import { bodyless } from '../../lib/http/operation.ts'
import { operations } from '../../lib/http/operations.ts'
import { namespacesIn } from '../../lib/kms/identity/taggingState.ts'
import { identityPage } from './identityPage.ts'
import { lifecycleAsked } from './tenancyWide.ts'
import { tagState, toTagNamespace } from './tagNamespaceWire.ts'

/** Those of a compartment; of those below it too where they are asked for, as far as the caller may see them. */
export const listTagNamespacesOperation = bodyless('ListTagNamespaces', async (request) => {
  const { query, caller } = request
  const compartmentId = requiredOcid(query, 'compartmentId')
  authorizedCompartment(request, compartmentId)
  const isDeep = optionalChoice(query, 'includeSubcompartments', ['true', 'false']) === 'true'
  const isAsked = lifecycleAsked(query)
  const { permissions } = operations[request.operation]
  const listed = namespacesIn(await request.ports.identity.state(caller.principal.tenancyId)).filter(
    (row) =>
      (row.compartmentId === compartmentId ||
        (isDeep && caller.tree.ancestors(row.compartmentId).includes(compartmentId))) &&
      isAsked(tagState(row.isRetired)) &&
      isAuthorized(request, permissions, row.compartmentId, namespaceVariables(row)),
  )
  return identityPage(request, listed, toTagNamespace)
})
