import { models } from 'oci-keymanagement'
import { home, other } from './deployment.ts'
import { text, until, type Endpoints, type Secret, type Stage } from './stage.ts'

const p256 = { algorithm: models.KeyShape.Algorithm.Ecdsa, length: 32, curveId: models.KeyShape.CurveId.NistP256 }

/** What later parts go on with. */
export interface ReplicatedVault {
  readonly vault: models.Vault
  readonly replica: Endpoints
  /** All of them open in both regions. */
  readonly secrets: Secret[]
}

/** A vault, its replica, and keys that are made, rotated and used in both regions. */
export function replicationStory(stage: Stage): () => ReplicatedVault {
  let vault: models.Vault
  let replica: Endpoints
  const secrets: Secret[] = []

  test('makes a vault, a policy and keys, and uses them', async () => {
    vault = await stage.makeVault('first', models.CreateVaultDetails.VaultType.Default)
    expect(vault.managementEndpoint).toMatch(/^https:\/\/[a-z0-9]+-management\.kms\.us-east-1\.vaultspan\.test$/)
    const createPolicyDetails = {
      compartmentId: stage.tenancyId,
      name: 'replication',
      description: 'Lets the service keep replicas',
      statements: ['Allow service keymanagementservice to manage vaults in tenancy'],
    }
    await stage.identity().createPolicy({ createPolicyDetails })
    const key = await stage.makeKey(vault, 'before the replica')
    expect(key.lifecycleState).toBe('ENABLED')
    const secret = await stage.encrypt(vault, key.id)
    expect(await stage.decrypt(vault, secret)).toBe(text)
    secrets.push(secret)
  })

  test('replicates the vault: streams and queues call the functions by themselves', async () => {
    replica = await stage.replicate(vault)
    expect(replica.cryptoEndpoint).toContain(`.kms.${other}.`)
    for (const secret of secrets) expect(await stage.decrypt(replica, secret)).toBe(text)
  })

  test('has the vault’s keys under a key of KMS in both regions', async () => {
    const { aws } = stage.deployment
    for (const region of [home, other])
      expect(await aws.formOfVaultKeys(region, vault.id)).toBe('vaultspan/vault-keys/1+kms')
  })

  test('has a key made later at the replica, and says when it is REPLICATED', async () => {
    const key = await stage.makeKey(vault, 'after the replica')
    expect(key.lifecycleState).toBe('ENABLED')
    const secret = await stage.encrypt(vault, key.id)
    secrets.push(secret)
    await until(() => stage.isReplicated(vault, key.id))
    expect(await stage.decrypt(replica, secret)).toBe(text)
  })

  test('rotates: both regions open what both versions made', async () => {
    const [secret] = secrets
    const keyId = secret?.keyId ?? ''
    await stage.keys(vault).createKeyVersion({ keyId })
    secrets.push(await stage.encrypt(vault, keyId))
    await until(async () => (await stage.keys(replica).listKeyVersions({ keyId })).items.length === 2)
    // A crypto function may know the key as it was a second ago.
    for (const each of secrets) {
      for (const at of [vault, replica]) await until(() => stage.opens(at, each))
    }
  })

  test('signs in one region and verifies in the other', async () => {
    const key = await stage.makeKey(vault, 'signing', { keyShape: p256 })
    const signingAlgorithm = models.SignDataDetails.SigningAlgorithm.EcdsaSha256
    const { signedData } = await stage.crypto(vault).sign({
      signDataDetails: { keyId: key.id, message: text, signingAlgorithm },
    })
    const { keyVersionId, signature } = signedData
    const algorithm = models.VerifyDataDetails.SigningAlgorithm.EcdsaSha256
    const verifyDataDetails = { keyId: key.id, keyVersionId, signature, message: text, signingAlgorithm: algorithm }
    await until(() => stage.hasKey(replica, key.id))
    const { verifiedData } = await stage.crypto(replica).verify({ verifyDataDetails })
    expect(verifiedData.isSignatureValid).toBe(true)
  })

  test('refuses changes at the replica, unknown vaults, unknown paths and requests that nobody signed', async () => {
    await expect(stage.makeKey(replica, 'no')).rejects.toMatchObject({ statusCode: 409 })
    const cryptoEndpoint = vault.cryptoEndpoint.replace(/\/\/[a-z0-9]+-/, '//aaaaaaaaaaaaa-')
    const unknown = stage.encrypt({ ...vault, cryptoEndpoint }, 'ocid1.key.oc1..aaaa')
    await expect(unknown).rejects.toMatchObject({ statusCode: 404 })
    const unsigned = await fetch(stage.homeUrl(`/20180608/vaults?compartmentId=${stage.tenancyId}`))
    expect(unsigned.status).toBe(401)
    const noRoute = await fetch(stage.homeUrl('/20180608/nothing'))
    expect(noRoute.status).toBe(404)
    expect(await noRoute.json()).toEqual({ code: 'NotFound', message: 'No operation has this path.' })
  })

  test('lists what was done', async () => {
    const startTime = new Date(Date.now() - 600_000)
    const endTime = new Date(Date.now() + 60_000)
    const { items } = await stage.audit().listEvents({ compartmentId: stage.tenancyId, startTime, endTime })
    const types = new Set(items.map(({ eventType }) => eventType.replace(/^.*\./, '')))
    for (const name of ['CreateVault', 'CreateKey', 'Encrypt']) expect([...types].join(' ')).toContain(name)
  })

  return () => ({ vault, replica, secrets })
}
