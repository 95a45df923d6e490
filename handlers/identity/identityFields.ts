import * as v from 'valibot'
import { lostNames, plainLines, textOf } from '../../lib/http/fields.ts'
import { requireMatchingRule } from '../../lib/iam/matchingRule.ts'

/** What policies and compartments share. */

export const name = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9._ -]{1,100}$/, '1 to 100 letters, digits, blanks and . _ -'),
)

export const description = v.pipe(textOf(1, 400), plainLines)

/** Of a tag namespace or a key of it: a dot stands between the two where both are written. */
export const tagName = v.pipe(
  v.string(),
  v.regex(/^[!-\-/-~]{1,100}$/, '1 to 100 ASCII characters without blanks and dots'),
  v.check((text) => !lostNames.includes(text), `none of ${lostNames.join(', ')}`),
)

/** As in OCI, which has such namespaces of its own. */
export const tagNamespaceName = v.pipe(
  tagName,
  v.check(
    (text) => !/^(oracle|orcl-cloud$)/i.test(text),
    'a name that is not reserved: not orcl-cloud, and not beginning with oracle',
  ),
)

/** An email address is a usual name of a user. */
export const userName = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9._@+-]{1,100}$/, '1 to 100 letters, digits and . _ - + @, without blanks'),
)

export const emailAddress = v.pipe(textOf(1, 255), plainLines, v.regex(/^[^\s@]+@[^\s@]+$/, 'an email address'))
export const email = v.nullish(emailAddress, null)

/** The conditions of policies, on what a token says of its holder. */
export const matchingRule = v.pipe(
  textOf(1, 4000),
  plainLines,
  v.rawTransform(({ dataset }) => {
    requireMatchingRule(dataset.value)
    return dataset.value
  }),
)
