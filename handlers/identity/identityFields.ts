import * as v from 'valibot'

/** What policies and compartments share. */

export const name = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9._ -]{1,100}$/, '1 to 100 letters, digits, blanks and . _ -'),
)

export const description = v.pipe(
  v.string(),
  v.minLength(1, 'at least 1 character'),
  v.maxLength(400, 'at most 400 characters'),
)
