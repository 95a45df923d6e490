/** Whoever mistyped a region's name sees the right one. */
export function noRegion(region: string, there: readonly string[], where = ''): string {
  const others = there.length === 0 ? 'there is none' : `there ${there.length === 1 ? 'is' : 'are'} ${there.join(', ')}`
  return `There is no region ${region}${where}; ${others}.`
}
