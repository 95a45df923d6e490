/** Whether arrays and objects lie at most so many levels within each other. Never goes deeper, so no text exhausts the stack. */
export function isNestedAtMost(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true
  return levels > 0 && Object.values(value).every((member) => isNestedAtMost(member, levels - 1))
}
