import { authorizedCompartment } from '../../lib/http/authorize.ts'
import { namespaceVariables } from '../../lib/http/definedTags.ts'
import { changeCompartmentDetails } from '../../lib/http/fields.ts'
import { operation } from '../../lib/http/operation.ts'
import { changeTagNamespaceCompartment } from '../../lib/kms/identity/tagging/tagNamespaces.ts'
import { authorizedTagNamespace } from './tagNamespaceWire.ts'

/** It takes the permission where the namespace is and where it goes. */
export const changeTagNamespaceCompartmentOperation = operation('ChangeTagNamespaceCompartment', {
  input: changeCompartmentDetails,
  run: async (request, { compartmentId }) => {
    const namespace = await authorizedTagNamespace(request)
    authorizedCompartment(request, compartmentId, namespaceVariables(namespace))
    const { ports, mutation } = request
    const { tenancyId } = request.caller.principal
    const row = await changeTagNamespaceCompartment(ports, tenancyId, mutation, namespace.id, compartmentId)
    return { headers: { etag: row.etag } }
  },
})
