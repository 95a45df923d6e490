import { AuditClient } from 'oci-audit'
import { IdentityClient } from 'oci-identity'
import { KmsCryptoClient, KmsManagementClient, KmsVaultClient, models } from 'oci-keymanagement'
import { domain, home, openDeployment, other, requireDone, type Deployment, type Tenancy } from './deployment.ts'
import type { Front } from './front.ts'
import { findMiniStack } from './ministack.ts'

const program = findMiniStack()
const isRequired = process.env['REQUIRE_MINISTACK'] === '1'
if (program === undefined) {
  process.stderr.write('Skipped: MiniStack is not on the PATH; .ci/install-ministack.sh DIR, then MINISTACK_DIR=DIR.\n')
}

test('MiniStack is there where it is required', () => {
  expect(program !== undefined || !isRequired).toBe(true)
})

const text = Buffer.from('a key made in one region').toString('base64')
const aes = { algorithm: models.KeyShape.Algorithm.Aes, length: 32 }
const p256 = { algorithm: models.KeyShape.Algorithm.Ecdsa, length: 32, curveId: models.KeyShape.CurveId.NistP256 }

;(program === undefined ? describe.skip : describe)('the service deployed into two regions', () => {
  let deployment: Deployment
  let front: Front
  let acme: Tenancy
  let vault: models.Vault
  let replica: { readonly management: string; readonly crypto: string }
  const opened: { close(): void }[] = []
  const secrets: { keyId: string; ciphertext: string }[] = []

  // A new client each time: a breaker must not carry over from one test to the next.
  const at = <C extends { endpoint: string; close(): void }>(client: C, endpoint: string): C => {
    client.endpoint = front.at(endpoint)
    opened.push(client)
    return client
  }
  const auth = (tenancy: Tenancy) => ({ authenticationDetailsProvider: tenancy.provider })
  const regional = (region: string) => `https://kms.${region}.${domain}`
  const vaults = (tenancy = acme, region: string = home) => at(new KmsVaultClient(auth(tenancy)), regional(region))
  const keys = (endpoint: string) => at(new KmsManagementClient(auth(acme)), endpoint)
  const crypto = (endpoint: string) => at(new KmsCryptoClient(auth(acme)), endpoint)

  const makeKey = async (displayName: string, keyShape: models.KeyShape = aes) => {
    const createKeyDetails = { compartmentId: acme.tenancyId, displayName, keyShape }
    return (await keys(vault.managementEndpoint).createKey({ createKeyDetails })).key
  }
  const encrypt = async (endpoint: string, keyId: string) => {
    const { encryptedData } = await crypto(endpoint).encrypt({ encryptDataDetails: { keyId, plaintext: text } })
    return { keyId, ciphertext: encryptedData.ciphertext }
  }
  const decrypt = async (endpoint: string, decryptDataDetails: { keyId: string; ciphertext: string }) =>
    (await crypto(endpoint).decrypt({ decryptDataDetails })).decryptedData.plaintext
  const until = async (isDone: () => Promise<boolean>) => {
    while (!(await isDone())) await new Promise((done) => setTimeout(done, 200))
  }

  beforeAll(async () => {
    // The client repeats every refusal on the console; the tests look at the refusal itself.
    console.warn = () => undefined
    deployment = await openDeployment(program ?? '')
    requireDone(await deployment.deploy())
    front = await deployment.front()
    acme = await deployment.provision('acme')
  })

  afterAll(async () => {
    for (const client of opened) client.close()
    await deployment.close()
  })

  test('makes a vault, a policy and keys, and uses them', async () => {
    const createVaultDetails = {
      compartmentId: acme.tenancyId,
      displayName: 'first',
      vaultType: models.CreateVaultDetails.VaultType.Default,
    }
    vault = (await vaults().createVault({ createVaultDetails })).vault
    expect(vault.managementEndpoint).toMatch(/^https:\/\/[a-z0-9]+-management\.kms\.us-east-1\.vaultspan\.test$/)
    const createPolicyDetails = {
      compartmentId: acme.tenancyId,
      name: 'replication',
      description: 'Lets the service keep replicas',
      statements: ['Allow service keymanagementservice to manage vaults in tenancy'],
    }
    await at(new IdentityClient(auth(acme)), regional(home)).createPolicy({ createPolicyDetails })
    const key = await makeKey('before the replica')
    expect(key.lifecycleState).toBe('ENABLED')
    const secret = await encrypt(vault.cryptoEndpoint, key.id)
    expect(await decrypt(vault.cryptoEndpoint, secret)).toBe(text)
    secrets.push(secret)
  })

  test('replicates the vault: streams and queues call the functions by themselves', async () => {
    const vaultId = vault.id
    await vaults().createVaultReplica({ vaultId, createVaultReplicaDetails: { replicaRegion: other } })
    const listed = async () => (await vaults().listVaultReplicas({ vaultId })).items[0]
    await until(async () => (await listed())?.status === models.VaultReplicaSummary.Status.Created)
    const { managementEndpoint = '', cryptoEndpoint = '' } = (await listed()) ?? {}
    expect(cryptoEndpoint).toContain(`.kms.${other}.`)
    replica = { management: managementEndpoint, crypto: cryptoEndpoint }
    for (const secret of secrets) expect(await decrypt(replica.crypto, secret)).toBe(text)
  })

  test('has a key made later at the replica, and says when it is REPLICATED', async () => {
    const key = await makeKey('after the replica')
    expect(key.lifecycleState).toBe('ENABLED')
    const secret = await encrypt(vault.cryptoEndpoint, key.id)
    secrets.push(secret)
    await until(async () => {
      const { replicaDetails } = (await keys(vault.managementEndpoint).getKey({ keyId: key.id })).key
      const replicationId = replicaDetails?.replicationId ?? ''
      const { replicationStatusDetails } = await keys(vault.managementEndpoint).getReplicationStatus({ replicationId })
      const [status] = replicationStatusDetails.replicaDetails ?? []
      return status?.status === models.ReplicaDetails.Status.Replicated
    })
    expect(await decrypt(replica.crypto, secret)).toBe(text)
  })

  test('rotates: both regions open what both versions made', async () => {
    const [secret] = secrets
    const keyId = secret?.keyId ?? ''
    await keys(vault.managementEndpoint).createKeyVersion({ keyId })
    secrets.push(await encrypt(vault.cryptoEndpoint, keyId))
    await until(async () => {
      const { items } = await keys(replica.management).listKeyVersions({ keyId })
      return items.length === 2
    })
    for (const each of secrets) {
      expect(await decrypt(vault.cryptoEndpoint, each)).toBe(text)
      expect(await decrypt(replica.crypto, each)).toBe(text)
    }
  })

  test('signs in one region and verifies in the other', async () => {
    const key = await makeKey('signing', p256)
    const signingAlgorithm = models.SignDataDetails.SigningAlgorithm.EcdsaSha256
    const { signedData } = await crypto(vault.cryptoEndpoint).sign({
      signDataDetails: { keyId: key.id, message: text, signingAlgorithm },
    })
    const { keyVersionId, signature } = signedData
    const algorithm = models.VerifyDataDetails.SigningAlgorithm.EcdsaSha256
    const verifyDataDetails = { keyId: key.id, keyVersionId, signature, message: text, signingAlgorithm: algorithm }
    await until(async () => {
      const { items } = await keys(replica.management).listKeys({ compartmentId: acme.tenancyId })
      return items.some(({ id }) => id === key.id)
    })
    const { verifiedData } = await crypto(replica.crypto).verify({ verifyDataDetails })
    expect(verifiedData.isSignatureValid).toBe(true)
  })

  test('refuses changes at the replica, unknown vaults, unknown paths and requests that nobody signed', async () => {
    const createKeyDetails = { compartmentId: acme.tenancyId, displayName: 'no', keyShape: aes }
    await expect(keys(replica.management).createKey({ createKeyDetails })).rejects.toMatchObject({ statusCode: 409 })
    const unknown = vault.cryptoEndpoint.replace(/\/\/[a-z0-9]+-/, '//aaaaaaaaaaaaa-')
    await expect(encrypt(unknown, 'ocid1.key.oc1..aaaa')).rejects.toMatchObject({ statusCode: 404 })
    const unsigned = await fetch(`${front.at(regional(home))}/20180608/vaults?compartmentId=${acme.tenancyId}`)
    expect(unsigned.status).toBe(401)
    const noRoute = await fetch(`${front.at(regional(home))}/20180608/nothing`)
    expect(noRoute.status).toBe(404)
    expect(await noRoute.json()).toEqual({ code: 'NotFound', message: 'No operation has this path.' })
  })

  test('lists what was done', async () => {
    const client = at(new AuditClient(auth(acme)), regional(home))
    const startTime = new Date(Date.now() - 600_000)
    const endTime = new Date(Date.now() + 60_000)
    const { items } = await client.listEvents({ compartmentId: acme.tenancyId, startTime, endTime })
    const types = new Set(items.map(({ eventType }) => eventType.replace(/^.*\./, '')))
    for (const name of ['CreateVault', 'CreateKey', 'Encrypt']) expect([...types].join(' ')).toContain(name)
  })

  test('a second deployment over the first loses nothing, and provisioning again changes nothing', async () => {
    requireDone(await deployment.deploy())
    expect((await deployment.provision('acme')).tenancyId).toBe(acme.tenancyId)
    for (const each of secrets) {
      expect(await decrypt(vault.cryptoEndpoint, each)).toBe(text)
      expect(await decrypt(replica.crypto, each)).toBe(text)
    }
    const key = await makeKey('after the second deployment')
    const secret = await encrypt(vault.cryptoEndpoint, key.id)
    await until(async () => {
      const { items } = await keys(replica.management).listKeys({ compartmentId: acme.tenancyId })
      return items.some(({ id }) => id === key.id)
    })
    expect(await decrypt(replica.crypto, secret)).toBe(text)
  })

  test('a tenancy that comes later is known to functions that run already, and sees nothing of the first', async () => {
    const globex = await deployment.provision('globex')
    expect(globex.tenancyId).not.toBe(acme.tenancyId)
    await until(async () => {
      try {
        return (await vaults(globex, other).listVaults({ compartmentId: globex.tenancyId })).items.length === 0
      } catch {
        return false
      }
    })
    await expect(vaults(globex).getVault({ vaultId: vault.id })).rejects.toMatchObject({ statusCode: 404 })
  })

  test.each([
    ['another home region', ['--domain', domain, '--home', other], /home region us-east-1/],
    ['another domain', ['--domain', 'example.com'], /deployed with the domain vaultspan\.test/],
    ['an unknown stage', ['--domain', domain, '--stage', 'nowhere'], /"nowhere" is not known/],
  ])('%s is refused before anything is deployed', async (_what, options, reason) => {
    const { code, output } = await deployment.run('deploy', ...options)
    expect(code).toBe(1)
    expect(output).toMatch(reason)
    expect(output.trim().split('\n')).toHaveLength(1)
  })

  test('removing keeps the tables, and a deployment beside them is refused; deleting the data clears the way', async () => {
    requireDone(await deployment.run('remove'))
    const refused = await deployment.deploy()
    expect(refused.code).toBe(1)
    expect(refused.output).toMatch(/holds the data of an earlier deployment/)
    requireDone(await deployment.run('remove', '--delete-data', 'vaultspan-local'))
    requireDone(await deployment.deploy())
  })
})
