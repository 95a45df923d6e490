import type { AwsSettings } from './awsSettings.ts'

type Names = Pick<AwsSettings, 'regions' | 'domain' | 'endpointPortBase'>

/** HTTPS at its own port. Emulators have no TLS: plain HTTP, region i at `endpointPortBase` + i. */
export function awsOrigin({ regions, domain, endpointPortBase }: Names): (label: string, region: string) => string {
  return (label, region) => {
    const host = `${label}.kms.${region}.${domain}`
    return endpointPortBase === undefined
      ? `https://${host}`
      : `http://${host}:${endpointPortBase + regions.indexOf(region)}`
  }
}
