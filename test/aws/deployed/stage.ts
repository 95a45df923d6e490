import { AuditClient } from 'oci-audit'
import { OciError } from 'oci-common'
import { IdentityClient } from 'oci-identity'
import { KmsCryptoClient, KmsManagementClient, KmsVaultClient, models } from 'oci-keymanagement'
import { until as isTrue } from '../../harness/until.ts'
import { domain, home, openDeployment, other, requireDone, type Deployment, type Tenancy } from './deployment.ts'
import type { Front } from './front.ts'

export const text = Buffer.from('a key made in one region').toString('base64')
const aes = { algorithm: models.KeyShape.Algorithm.Aes, length: 32 }

/** Where a vault answers: `vault.managementEndpoint` and `vault.cryptoEndpoint`, or those of its replica. */
export interface Endpoints {
  readonly managementEndpoint: string
  readonly cryptoEndpoint: string
}

export interface Secret {
  readonly keyId: string
  readonly ciphertext: string
}

interface Opened {
  readonly deployment: Deployment
  readonly front: Front
  readonly acme: Tenancy
}

/** What the parts of the story share: the deployment, its first tenancy, and OCI's own clients. */
export class Stage {
  #opened: Opened | undefined
  readonly #clients: { close(): void }[] = []

  async open(program: string): Promise<void> {
    const deployment = await openDeployment(program)
    try {
      requireDone(await deployment.deploy())
      const front = await deployment.front()
      this.#opened = { deployment, front, acme: await deployment.provision('acme') }
    } catch (cause) {
      await deployment.close()
      throw cause
    }
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.close()
    await this.#opened?.deployment.close()
  }

  get #open(): Opened {
    if (this.#opened === undefined) throw new Error('The stage is not open.')
    return this.#opened
  }

  get deployment(): Deployment {
    return this.#open.deployment
  }

  get tenancyId(): string {
    return this.#open.acme.tenancyId
  }

  get trustRoot(): string {
    return this.#open.acme.trustRoot
  }

  vaults(region: string = home, tenancy = this.#open.acme): KmsVaultClient {
    return this.#at(new KmsVaultClient(auth(tenancy)), regional(region))
  }

  identity(): IdentityClient {
    return this.#at(new IdentityClient(auth(this.#open.acme)), regional(home))
  }

  audit(): AuditClient {
    return this.#at(new AuditClient(auth(this.#open.acme)), regional(home))
  }

  keys({ managementEndpoint }: Endpoints): KmsManagementClient {
    return this.#at(new KmsManagementClient(auth(this.#open.acme)), managementEndpoint)
  }

  crypto({ cryptoEndpoint }: Endpoints): KmsCryptoClient {
    return this.#at(new KmsCryptoClient(auth(this.#open.acme)), cryptoEndpoint)
  }

  /** A path at the home region's endpoint, for requests that nobody signs. */
  homeUrl(path: string): string {
    return this.#open.front.at(regional(home)) + path
  }

  /** A new client each time: a breaker must not carry over from one test to the next. */
  #at<C extends { endpoint: string; close(): void }>(client: C, endpoint: string): C {
    client.endpoint = this.#open.front.at(endpoint)
    this.#clients.push(client)
    return client
  }

  async makeVault(displayName: string, vaultType: models.CreateVaultDetails.VaultType): Promise<models.Vault> {
    const createVaultDetails = { compartmentId: this.tenancyId, displayName, vaultType }
    return (await this.vaults().createVault({ createVaultDetails })).vault
  }

  async makeKey(at: Endpoints, displayName: string, more: Partial<models.CreateKeyDetails> = {}): Promise<models.Key> {
    const createKeyDetails = { compartmentId: this.tenancyId, displayName, keyShape: aes, ...more }
    return (await this.keys(at).createKey({ createKeyDetails })).key
  }

  /** The replica's endpoints, once it is CREATED. */
  async replicate({ id: vaultId }: models.Vault): Promise<Endpoints> {
    const createVaultReplicaDetails = { replicaRegion: other }
    // Until the vault function knows the policy that lets the service replicate, which an instance asks for once a second;
    // and, where the vault was restored, until what was its replica before is gone.
    await until(() => taken(this.vaults().createVaultReplica({ vaultId, createVaultReplicaDetails }), 404, 409))
    const listed = async () => (await this.vaults().listVaultReplicas({ vaultId })).items[0]
    await until(async () => (await listed())?.status === models.VaultReplicaSummary.Status.Created)
    const { managementEndpoint = '', cryptoEndpoint = '' } = (await listed()) ?? {}
    return { managementEndpoint, cryptoEndpoint }
  }

  async encrypt(at: Endpoints, keyId: string): Promise<Secret> {
    const { encryptedData } = await this.crypto(at).encrypt({ encryptDataDetails: { keyId, plaintext: text } })
    return { keyId, ciphertext: encryptedData.ciphertext }
  }

  async decrypt(at: Endpoints, decryptDataDetails: Secret): Promise<string> {
    return (await this.crypto(at).decrypt({ decryptDataDetails })).decryptedData.plaintext
  }

  async opens(at: Endpoints, secret: Secret): Promise<boolean> {
    return taken(
      this.decrypt(at, secret).then((opened) => {
        expect(opened).toBe(text)
      }),
      ...[404, 409],
    )
  }

  async keyState(at: Endpoints, keyId: string): Promise<string> {
    return (await this.keys(at).getKey({ keyId })).key.lifecycleState
  }

  async vaultState(region: string, vaultId: string): Promise<string> {
    return (await this.vaults(region).getVault({ vaultId })).vault.lifecycleState
  }

  async hasKey(at: Endpoints, keyId: string): Promise<boolean> {
    const { items } = await this.keys(at).listKeys({ compartmentId: this.tenancyId })
    return items.some(({ id }) => id === keyId)
  }

  /** What the source knows of a key's last change on its way to the replica. */
  async isReplicated(at: Endpoints, keyId: string): Promise<boolean> {
    const { replicaDetails } = (await this.keys(at).getKey({ keyId })).key
    const replicationId = replicaDetails?.replicationId ?? ''
    const { replicationStatusDetails } = await this.keys(at).getReplicationStatus({ replicationId })
    return replicationStatusDetails.replicaDetails?.[0]?.status === models.ReplicaDetails.Status.Replicated
  }
}

/** Whether a call was taken; refused with one of these statuses it was not. Anything else is the test's failure. */
export async function taken(call: Promise<unknown>, ...statuses: readonly number[]): Promise<boolean> {
  try {
    await call
    return true
  } catch (refusal) {
    if (refusal instanceof OciError && statuses.includes(refusal.statusCode)) return false
    throw refusal
  }
}

/** Waits for an effect, wherever it is to be seen: a question here is a call of a function. */
export async function until(isDone: () => Promise<boolean>): Promise<void> {
  await isTrue(isDone, () => isDone.toString(), 300)
}

function auth({ provider }: Tenancy) {
  return { authenticationDetailsProvider: provider }
}

function regional(region: string): string {
  return `https://kms.${region}.${domain}`
}
