let lastText = ''
let lastFolded = ''

/**
 * Names and values compare case-insensitively, in ASCII only: full Unicode folding would make look-alikes equal
 * (U+212A KELVIN SIGN folds to `k`), and a group could be named to catch another's grants.
 */
export function foldCase(text: string): string {
  // Many rules in a row test the same variable: its last value is remembered.
  if (text !== lastText) {
    lastFolded = /[^\0-\x7f]/.test(text) ? text : text.toLowerCase()
    lastText = text
  }
  return lastFolded
}
