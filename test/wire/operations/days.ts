/** So many days from now, as clients compute it. */
export function days(count: number): Date {
  return new Date(Date.now() + count * 86_400_000)
}
