import { realm } from '../../lib/ocid.ts'

/** Oracle's own, under which every SDK looks for the regions that it knows. */
const oracleDomain = 'oraclecloud.com'

/** What Oracle's SDKs and CLI read from OCI_REGION_METADATA. A realm is known by one domain: another domain is another realm. */
export function regionMetadata(region: string, domain: string): string {
  return JSON.stringify({
    realmKey: domain === oracleDomain ? realm : 'vaultspan',
    realmDomainComponent: domain,
    regionKey: region,
    regionIdentifier: region,
  })
}
