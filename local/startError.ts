/** Why the service cannot start, in one line for the person who started it. */
export class StartError extends Error {}

export function requireRegionName(region: string): string {
  if (!/^[a-z]{2,}(-[a-z]+)+-[0-9]+$/.test(region)) {
    throw new StartError(`"${region}" is not a region name; write it like us-ashburn-1.`)
  }
  return region
}
