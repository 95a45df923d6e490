import * as v from 'valibot'
import { textOf } from '../../lib/http/fields.ts'

/** What policies and compartments share. */

export const name = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9._ -]{1,100}$/, '1 to 100 letters, digits, blanks and . _ -'),
)

export const description = textOf(1, 400)
