/** A usual mistake: what stands before the place where the parser gave up, what stands there, and what to do instead. */
interface Slip {
  readonly before?: RegExp
  readonly at?: RegExp
  readonly tip: string
}

const inGroup = /\bgroup\s(?:(?!\sto\s).)*$/is
const inWhere = /\bwhere\b/i

/** Of a `;` or `.` behind all else; where the parser gives up, something else would be expected, which helps nobody. */
export const punctuationTip =
  'A statement ends without punctuation; several statements are several strings of the list.'

export function endsInPunctuation(text: string, offset: number): boolean {
  return /^(tenancy)?[;.]\s*$/i.test(text.slice(offset))
}

/** The first that fits is told: the narrow ones stand before the wide ones. */
const slips: readonly Slip[] = [
  { at: /^["“”„‘’`]/, tip: "Quotes are straight and single: 'text'." },
  { before: /^\s*$/, tip: 'A statement begins with Allow.' },
  { before: /^\s*allow\s+$/i, at: /^users?\b/i, tip: 'Statements name groups: put the user into one, and name that.' },
  { before: inGroup, at: /^(and|group)\b/i, tip: 'Several groups are one list: group A, B.' },
  { before: /\band\s+$/i, at: /^group\b/i, tip: 'Several groups are one list: group A, B.' },
  { before: inGroup, at: /^(inspect|read|use|manage)\b|^\{/i, tip: 'The word to stands before the verb.' },
  { before: inGroup, at: /^\S+(\s+\S+)*?\s+to\s/i, tip: "A name with blanks stands in quotes: 'Key Users'." },
  { before: /\bto\s+$/i, at: /^[A-Z]+(_[A-Z]+)+\b/, tip: 'Permissions stand in braces: {KEY_ENCRYPT}.' },
  {
    before: /\bto\s+$/i,
    tip: 'The verbs are inspect, read, use and manage; single permissions stand in braces: {KEY_ENCRYPT}.',
  },
  { before: /\bwhere\b.*=$/is, at: /^=/, tip: 'One = compares.' },
  { before: /\bwhere\b.*=$/is, at: /^~/, tip: 'A pattern stands between slashes: = /prod-*/.' },
  { before: inWhere, at: /^(and|or|&&|\|\|)/i, tip: 'Tests are joined by all {…, …} or any {…, …}.' },
  { before: /\bwhere\b.*=\s*[^'\s]*$/is, tip: "A value stands in quotes: = 'ocid1.key…'." },
  { before: /\bcompartment\s+\S+\s+$/i, at: /^(?!where\b|$)/i, tip: "A name with blanks stands in quotes: 'My Shop'." },
  { before: /^((?!\sin\s).)*$/is, at: /^(where\b|$)/i, tip: 'Say where: in tenancy, or in compartment NAME.' },
]

/** What to do about a statement that does not parse; undefined where it is no usual mistake. */
export function tipFor(text: string, offset: number): string | undefined {
  const [before, at] = [text.slice(0, offset), text.slice(offset)]
  return slips.find((slip) => (slip.before?.test(before) ?? true) && (slip.at?.test(at) ?? true))?.tip
}
