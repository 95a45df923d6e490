/** How each client is told to trust an authority: what a person pastes. */
export function trustHelp(authority: string): readonly string[] {
  const rows = [
    ['Python, OCI CLI', `export REQUESTS_CA_BUNDLE=${authority}`],
    ['TypeScript', `export NODE_EXTRA_CA_CERTS=${authority}`],
    ['Go, Terraform', `export SSL_CERT_FILE=${authority}`],
    [
      'Java',
      `keytool -importcert -noprompt -alias vaultspan -keystore trust.p12 -storepass changeit -file ${authority}`,
    ],
    ['', '-Djavax.net.ssl.trustStore=trust.p12 -Djavax.net.ssl.trustStorePassword=changeit'],
    ['curl', `curl --cacert ${authority}`],
  ] as const
  const width = Math.max(...rows.map(([client]) => client.length))
  return rows.map(([client, says]) => `${client.padEnd(width)}   ${says}`)
}
