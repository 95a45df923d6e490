import { noRegion } from './noRegion.ts'

/** Those of this name; `-` stands for all. @throws where there is none. */
export function chosenRegions<R extends { readonly name: string }>(
  regions: readonly R[],
  region: string,
): readonly R[] {
  const chosen = regions.filter(({ name }) => region === '-' || name === region)
  if (chosen.length > 0) return chosen
  const there = regions.map(({ name }) => name)
  throw new Error(noRegion(region, there))
}
