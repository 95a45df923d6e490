import { foldCase } from './foldCase.ts'

/** A case-insensitive test of a whole text, where `*` stands for any run of characters. Linear in the text's length. */
export function wildcard(pattern: string): (text: string) => boolean {
  const folded = foldCase(pattern)
  const [first = '', ...rest] = folded.split('*')
  const last = rest.pop()
  if (last === undefined) return (text) => foldCase(text) === folded
  return (text) => {
    const value = foldCase(text)
    const end = value.length - last.length
    if (!value.startsWith(first) || !value.endsWith(last)) return false
    let position = first.length
    for (const part of rest) {
      const found = value.indexOf(part, position)
      if (found < 0) return false
      position = found + part.length
    }
    return position <= end
  }
}
