import { AuditClient } from 'oci-audit'
import {
  CircuitBreaker,
  DefaultRequestSigner,
  SimpleAuthenticationDetailsProvider,
  type HttpRequest,
  type Method,
} from 'oci-common'
import { IdentityClient } from 'oci-identity'
import { KmsCryptoClient, KmsManagementClient, KmsVaultClient, models } from 'oci-keymanagement'
import { whenThere } from '../harness/until.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { noHurry } from '../harness/noHurry.ts'
import type { CloudSettings } from '../../local/cloudSettings.ts'
import { startCloud, type Cloud } from '../../local/cloud/startCloud.ts'

// A client's breaker looks at two minutes second by second, and adds all of them up every second: a fifth of what suites with
// hundreds of clients take. As one whole they say the same.
CircuitBreaker.defaultConfiguration = { ...CircuitBreaker.defaultConfiguration, rollingCountBuckets: 1 }

/** A cloud in memory, and the unmodified official clients that talk to it over real sockets. */
export interface OciCloud {
  readonly cloud: Cloud
  /** Endpoints of the home region and of the other one. */
  readonly home: string
  readonly other: string
  readonly tenancyId: string
  readonly clock: { offsetMs: number }
  /** A new client each time: a breaker must not carry over from one test to the next. */
  vaults(endpoint?: string): KmsVaultClient
  keys(managementEndpoint: string): KmsManagementClient
  crypto(cryptoEndpoint: string): KmsCryptoClient
  identity(endpoint?: string): IdentityClient
  audit(endpoint?: string): AuditClient
  /** A request signed by the official signer, dated by the cloud's clock, to be sent as it is or altered. */
  signed(method: Method, url: string, body?: string, lateByMs?: number): Promise<SignedRequest>
  close(): Promise<void>
}

export interface SignedRequest {
  readonly method: Method
  readonly url: string
  readonly headers: Record<string, string>
  readonly body: string | undefined
}

export const otherRegion = 'us-phoenix-1'

/** `isScheduled` false: nothing is written but what a call writes. */
export async function ociCloud(settings: Partial<CloudSettings> = {}, { isScheduled = true } = {}): Promise<OciCloud> {
  // The client repeats every refusal on the console; the tests look at the refusal itself.
  console.warn = () => undefined
  const clock = { offsetMs: 0 }
  const now = () => Date.now() + clock.offsetMs
  const cloud = await startCloud({
    directory: ':memory:',
    port: 0,
    clock: now,
    isScheduled,
    generateRsa: knownRsaPair,
    settings: { preparesKeys: false, ...noHurry, ...settings },
  })
  const { tenancyId, administrator } = cloud
  const { userId, fingerprint, privateKeyPem } = administrator
  const provider = new SimpleAuthenticationDetailsProvider(tenancyId, userId, fingerprint, privateKeyPem, null)
  const auth = { authenticationDetailsProvider: provider }
  const [home = '', other = ''] = cloud.regions.map(({ endpoint }) => endpoint)
  const opened: { close(): void }[] = []
  const at = <C extends { endpoint: string; close(): void }>(client: C, endpoint: string): C => {
    client.endpoint = endpoint
    opened.push(client)
    return client
  }
  return {
    cloud,
    home,
    other,
    tenancyId,
    clock,
    vaults: (endpoint = home) => at(new KmsVaultClient(auth), endpoint),
    keys: (endpoint) => at(new KmsManagementClient(auth), endpoint),
    crypto: (endpoint) => at(new KmsCryptoClient(auth), endpoint),
    identity: (endpoint = home) => at(new IdentityClient(auth), endpoint),
    audit: (endpoint = home) => at(new AuditClient(auth), endpoint),
    signed: (method, url, body, lateByMs = 0) => signed(provider, now() - lateByMs, { method, url, body }),
    close: async () => {
      for (const client of opened) client.close()
      await cloud.close()
    },
  }
}

async function signed(
  provider: SimpleAuthenticationDetailsProvider,
  at: number,
  { method, url, body }: Pick<SignedRequest, 'method' | 'url' | 'body'>,
): Promise<SignedRequest> {
  const dated = new Headers({ 'x-date': new Date(at).toUTCString() })
  const request: HttpRequest = { method, uri: url, headers: dated, ...(body === undefined ? {} : { body }) }
  await new DefaultRequestSigner(provider).signHttpRequest(request)
  const { host: _host, ...headers } = Object.fromEntries(request.headers.entries())
  return { method, url, headers, body }
}

/** An answer in the words of the client's errors. */
export interface Answered {
  readonly statusCode: number
  readonly serviceCode: unknown
  readonly body: Readonly<Record<string, unknown>>
}

export async function send({ method, url, headers, body }: SignedRequest): Promise<Answered> {
  const answer = await fetch(url, { method, headers, ...(body === undefined ? {} : { body }) })
  const text = await answer.text()
  const value = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>
  return { statusCode: answer.status, serviceCode: value['code'], body: value }
}

/** Runs a call and names the rows it wrote, in both regions, the audit's own aside. */
export async function rowsWrittenBy({ cloud }: OciCloud, call: () => Promise<unknown>): Promise<readonly string[]> {
  await cloud.idle()
  const written: string[] = []
  const detach = cloud.parts.map(({ name, store }) =>
    store.tables.onCommit((touched) => {
      for (const { table, pk, sk } of touched) {
        // What a host notes when a vault's port is first asked, whatever for, and how far a peer had come whose message was late.
        if (table !== 'Audit' && !pk.startsWith('port#') && pk !== 'peerMark') written.push(`${name} ${table} ${sk}`)
      }
    }),
  )
  try {
    await call()
    await cloud.idle()
  } finally {
    for (const stop of detach) stop()
  }
  return written
}

/** A refusal has its status and its code, and leaves nothing behind but its audit event. */
export async function expectRefusal(
  oci: OciCloud,
  call: () => Promise<unknown>,
  statusCode: number,
  serviceCode: string,
): Promise<void> {
  const written = await rowsWrittenBy(oci, () => expect(call()).rejects.toMatchObject({ statusCode, serviceCode }))
  expect(written).toEqual([])
}

/**
 * Of two equal calls that are signed in one second the second, where it comes more than two seconds later, is taken for a copy
 * of the first.
 */
let names = 0
const nextName = () => `${(names += 1)}`

export async function makeVault(
  oci: OciCloud,
  displayName = `vault ${nextName()}`,
  vaultType = models.CreateVaultDetails.VaultType.VirtualPrivate,
  compartmentId = oci.tenancyId,
): Promise<models.Vault> {
  const createVaultDetails = { compartmentId, displayName, vaultType }
  return (await oci.vaults().createVault({ createVaultDetails })).vault
}

export const shapes = {
  aes128: { algorithm: models.KeyShape.Algorithm.Aes, length: 16 },
  aes256: { algorithm: models.KeyShape.Algorithm.Aes, length: 32 },
  rsa2048: { algorithm: models.KeyShape.Algorithm.Rsa, length: 256 },
  p256: { algorithm: models.KeyShape.Algorithm.Ecdsa, length: 32, curveId: models.KeyShape.CurveId.NistP256 },
  p384: { algorithm: models.KeyShape.Algorithm.Ecdsa, length: 48, curveId: models.KeyShape.CurveId.NistP384 },
  p521: { algorithm: models.KeyShape.Algorithm.Ecdsa, length: 66, curveId: models.KeyShape.CurveId.NistP521 },
} as const satisfies Record<string, models.KeyShape>

export async function makeKey(
  oci: OciCloud,
  vault: models.Vault,
  keyShape: models.KeyShape = shapes.aes256,
  more: Partial<models.CreateKeyDetails> = {},
): Promise<models.Key> {
  const displayName = `key ${nextName()}`
  const createKeyDetails = { compartmentId: oci.tenancyId, displayName, keyShape, ...more }
  return (await oci.keys(vault.managementEndpoint).createKey({ createKeyDetails })).key
}

export async function allowReplication(oci: OciCloud): Promise<void> {
  const createPolicyDetails = {
    compartmentId: oci.tenancyId,
    name: 'vault-replication',
    description: 'Lets the service keep replicas',
    statements: ['Allow service keymanagementservice to manage vaults in tenancy'],
  }
  await oci.identity().createPolicy({ createPolicyDetails })
}

/** Makes a vault's replica and waits for it. Resolves with where it answers. */
export async function replicate(oci: OciCloud, vaultId: string): Promise<{ management: string; crypto: string }> {
  const vaults = oci.vaults()
  await vaults.createVaultReplica({ vaultId, createVaultReplicaDetails: { replicaRegion: otherRegion } })
  return whenThere(async () => {
    const { items } = await vaults.listVaultReplicas({ vaultId })
    const [replica] = items
    if (replica?.status !== models.VaultReplicaSummary.Status.Created) return undefined
    return { management: replica.managementEndpoint ?? '', crypto: replica.cryptoEndpoint ?? '' }
  })
}

export function base64(text: string | Uint8Array): string {
  return Buffer.from(text).toString('base64')
}
