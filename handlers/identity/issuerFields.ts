import * as v from 'valibot'
import { textOf } from '../../lib/http/fields.ts'
import { maxKeys, requireJwkSet } from '../../lib/iam/oidc/jwkSet.ts'
import type { JsonObject } from '../../lib/canonicalJson.ts'

/** What a token says word for word; most are URLs. */
const claim = v.pipe(textOf(1, 255), v.regex(/^[\x21-\x7e]+$/, 'without blanks, in ASCII'))
export const issuer = claim
export const audience = claim

export const jwksUri = v.nullish(claim, null)

/** A JWK set of at most so many keys. One that cannot be used throws its own KmsError out of the parser. */
export const jwks = v.nullish(
  v.pipe(
    v.object({ keys: v.pipe(v.array(v.unknown()), v.maxLength(maxKeys, `at most ${maxKeys} keys`)) }),
    v.transform((set): JsonObject => ({ keys: [...requireJwkSet(set).keys] })),
  ),
  null,
)
