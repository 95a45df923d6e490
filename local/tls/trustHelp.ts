/** How each client is told to trust an authority, or a file of several: what a person pastes. */
export function trustHelp(authority: string, isJoined = false): readonly string[] {
  // keytool reads the first certificate of a file and no more.
  const [alias, one] = isJoined ? ['REGION', 'CA-OF-REGION.pem'] : ['vaultspan', authority]
  const rows = [
    ['Python, OCI CLI', `export REQUESTS_CA_BUNDLE=${authority}`],
    ['TypeScript', `export NODE_EXTRA_CA_CERTS=${authority}`],
    ['Go, Terraform', `export SSL_CERT_FILE=${authority}`],
    [
      'Java',
      `keytool -importcert -noprompt -alias ${alias} -keystore trust.p12 -storepass changeit -file ${one}${isJoined ? '   # once for each' : ''}`,
    ],
    ['', '-Djavax.net.ssl.trustStore=trust.p12 -Djavax.net.ssl.trustStorePassword=changeit'],
    ['curl', `curl --cacert ${authority}`],
  ] as const
  const width = Math.max(...rows.map(([client]) => client.length))
  return rows.map(([client, says]) => `${client.padEnd(width)}   ${says}`)
}
