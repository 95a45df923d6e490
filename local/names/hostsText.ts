import type { Hosts } from '../control/hostsCommand.ts'
import { regionMetadata } from './regionMetadata.ts'

/** Lines for /etc/hosts, and as comments what makes Oracle's SDKs look there by a region's name alone. */
export function hostsText({ domain, regions }: Hosts, address?: string): string {
  const lines = regions.flatMap((each) => each.lines.map((names) => [address ?? each.address, ...names].join(' ')))
  return [
    ...lines,
    '',
    '# For SDKs and the CLI, that they find a region below this domain by its name (docs/tls.md):',
    ...regions.map(({ region }) => `# OCI_REGION_METADATA='${regionMetadata(region, domain)}'`),
  ].join('\n')
}
