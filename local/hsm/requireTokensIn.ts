import type { HostDirectory } from '../directory/hostDirectory.ts'
import { knownRegions } from '../directory/chooseRegions.ts'
import { requireOwnToken, requireTokenRegions, type TokenSettings } from './tokenSettings.ts'

/** That the settings are of the cloud, or the region, that the directory holds. @throws UserError */
export function requireTokensIn(directory: HostDirectory, tokens: TokenSettings | null): void {
  const regions = knownRegions(directory)
  const [region] = regions
  if (region === undefined) return
  if (directory.fact('apart') === undefined) requireTokenRegions(tokens, regions)
  else requireOwnToken(tokens, region)
}
