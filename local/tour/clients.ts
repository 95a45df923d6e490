import { ConfigFileAuthenticationDetailsProvider } from 'oci-common'
import { AuditClient } from 'oci-audit'
import { IdentityClient } from 'oci-identity'
import { KmsCryptoClient, KmsManagementClient, KmsVaultClient } from 'oci-keymanagement'
import type { TourService } from './service.ts'

/** The official clients, unmodified, each told its endpoint: all that an application has to change. */
export interface Clients {
  vaults(endpoint: string): KmsVaultClient
  keys(managementEndpoint: string): KmsManagementClient
  crypto(cryptoEndpoint: string): KmsCryptoClient
  identity(endpoint: string): IdentityClient
  audit(endpoint: string): AuditClient
}

/**
 * New clients for one chapter: a client's circuit breaker counts what one chapter breaks on purpose and would stand in
 * the way of the next for half a minute.
 */
export async function withClients<T>(
  service: Pick<TourService, 'ociConfig'>,
  work: (clients: Clients) => Promise<T>,
): Promise<T> {
  const authenticationDetailsProvider = new ConfigFileAuthenticationDetailsProvider(service.ociConfig, 'DEFAULT')
  const opened: { close(): void }[] = []
  // The client says every refused call on the console as well; the tour says what it means.
  const { warn } = console
  console.warn = () => undefined
  const at = <C extends { endpoint: string; close(): void }>(client: C, endpoint: string): C => {
    client.endpoint = endpoint
    opened.push(client)
    return client
  }
  try {
    return await work({
      vaults: (endpoint) => at(new KmsVaultClient({ authenticationDetailsProvider }), endpoint),
      keys: (endpoint) => at(new KmsManagementClient({ authenticationDetailsProvider }), endpoint),
      crypto: (endpoint) => at(new KmsCryptoClient({ authenticationDetailsProvider }), endpoint),
      identity: (endpoint) => at(new IdentityClient({ authenticationDetailsProvider }), endpoint),
      audit: (endpoint) => at(new AuditClient({ authenticationDetailsProvider }), endpoint),
    })
  } finally {
    for (const client of opened) client.close()
    console.warn = warn
  }
}
