import * as v from 'valibot'
import { KmsError } from '../../lib/errors.ts'
import { withDefaultTags } from '../../lib/http/definedTags.ts'
import { definedTags, freeformTags, ocid } from '../../lib/http/fields.ts'
import { operation } from '../../lib/http/operation.ts'
import { createNamed } from '../../lib/kms/identity/namedRows.ts'
import { toTrustedIssuer } from './issuerWire.ts'
import { description, matchingRule, name } from './identityFields.ts'
import { audience, issuer, jwks, jwksUri } from './issuerFields.ts'
import { authorizedTenancy } from './tenancyWide.ts'

const createTrustedIssuerDetails = v.object({
  compartmentId: ocid,
  name,
  description,
  issuer,
  audience,
  matchingRule,
  jwks,
  jwksUri,
  freeformTags,
  definedTags,
})

export const createTrustedIssuerOperation = operation('CreateTrustedIssuer', {
  input: createTrustedIssuerDetails,
  run: async (request, { compartmentId, ...details }) => {
    const tenancyId = authorizedTenancy(request, compartmentId)
    if ((details.jwks === null) === (details.jwksUri === null)) {
      throw new KmsError(
        'invalidParameter',
        "Give the issuer's public keys (jwks) or where they are (jwksUri), one of both.",
      )
    }
    if (details.jwksUri !== null) request.ports.issuerKeys.requireAllowed(details.jwksUri)
    const tagged = await withDefaultTags(request, compartmentId, details)
    const row = await createNamed(request.ports, tenancyId, request.mutation, 'trustedIssuer', tagged)
    return { body: toTrustedIssuer(row, tenancyId), headers: { etag: row.etag } }
  },
})
