/** The names below a domain under which a region answers for itself, as OCI writes them. */
export function regionNames(region: string, domain: string): readonly string[] {
  // Oracle's SDKs ask for identity at a name with `.oci`.
  return [
    `kms.${region}.${domain}`,
    `identity.${region}.${domain}`,
    `identity.${region}.oci.${domain}`,
    `audit.${region}.${domain}`,
  ]
}

/** The two names of a vault in a region. */
export function vaultNames(vaultPrefix: string, region: string, domain: string): readonly string[] {
  return ['management', 'crypto'].map((kind) => `${vaultPrefix}-${kind}.kms.${region}.${domain}`)
}
