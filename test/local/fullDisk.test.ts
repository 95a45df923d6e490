import { startCloud, type Cloud, type CloudOptions } from '../../local/cloud/startCloud.ts'
import { fillDisk } from '../harness/fullDisk.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { noHurry } from '../harness/noHurry.ts'
import { until } from '../harness/until.ts'
import { callerOf, type SignedCaller } from './signedCaller.ts'
import { createKey, createVault, decrypt, encrypt, plaintext, replicate, type MadeVault } from './vaultSteps.ts'

const phoenix = 'us-phoenix-1'
const refused = {
  status: 503,
  body: { code: 'ServiceUnavailable', message: expect.stringMatching(/disk is full.*Make room/) as string },
}

interface Story {
  readonly cloud: Cloud
  readonly call: SignedCaller
  readonly source: string
  readonly other: string
  readonly vault: MadeVault
  readonly replica: string
  readonly keyId: string
  readonly ciphertext: string
  readonly newKey: () => ReturnType<SignedCaller>
}

/** A vault with a key in the first region and its replica in the second; nobody has asked the replica anything yet. */
async function withStory(settings: CloudOptions['settings'], body: (story: Story) => Promise<void>): Promise<void> {
  const cloud = await startCloud({
    directory: ':memory:',
    port: 0,
    generateRsa: knownRsaPair,
    isScheduled: false,
    settings: { requiresServicePolicy: false, ...noHurry, ...settings },
  })
  try {
    const call = callerOf(cloud)
    const [source = '', other = ''] = cloud.regions.map(({ endpoint }) => endpoint)
    const vault = await createVault(call, source, cloud.tenancyId)
    const replica = await replicate(call, source, vault, phoenix)
    const keyId = await createKey(call, vault, cloud.tenancyId)
    const ciphertext = await encrypt(call, vault.endpoint, keyId)
    await cloud.idle()
    const newKey = () =>
      call('POST', `${vault.endpoint}/20180608/keys`, {
        compartmentId: cloud.tenancyId,
        displayName: 'key',
        keyShape: { algorithm: 'AES', length: 32 },
      })
    await body({ cloud, call, source, other, vault, replica, keyId, ciphertext, newKey })
  } finally {
    await cloud.close()
  }
}

/** Of every region, or of that one. */
function fillDisks({ parts }: Cloud, region?: string): () => void {
  const rooms = parts.flatMap(({ name, store }) =>
    region === undefined || name === region ? [fillDisk(store.database)] : [],
  )
  return () => {
    for (const makeRoom of rooms) makeRoom()
  }
}

async function healthOf(endpoint: string) {
  return (await (await fetch(`${endpoint}/healthz`)).json()) as {
    readonly status: string
    readonly takesWrites: boolean
    readonly audit: { readonly lost: number }
    readonly links: readonly { readonly atRisk: number }[]
  }
}

test('on a full disk changes are refused with 503, reads and crypto go on in both regions, and room is all it takes', () =>
  withStory({}, async ({ cloud, call, source, other, vault, replica, keyId, ciphertext, newKey }) => {
    const makeRoom = fillDisks(cloud)
    expect(await newKey()).toMatchObject(refused)
    for (const endpoint of [vault.endpoint, replica]) {
      expect(await decrypt(call, endpoint, keyId, ciphertext)).toBe(plaintext)
      expect((await call('GET', `${endpoint}/20180608/keys/${keyId}`)).status).toBe(200)
      expect(await encrypt(call, endpoint, keyId)).toEqual(expect.any(String))
    }
    for (const region of [source, other]) {
      expect((await call('GET', `${region}/20180608/vaults/${vault.id}`)).status).toBe(200)
      // What the audit could not keep is counted.
      await until(async () => (await healthOf(region)).audit.lost > 0)
      expect(await healthOf(region)).toMatchObject({ status: 'degraded', takesWrites: false })
    }
    makeRoom()
    const made = await newKey()
    expect(made).toMatchObject({ status: 200 })
    const madeId = String(made.body['id'])
    expect(await decrypt(call, replica, madeId, await encrypt(call, vault.endpoint, madeId))).toBe(plaintext)
    for (const region of [source, other]) {
      await until(async () => (await healthOf(region)).status === 'ok')
      expect(await healthOf(region)).toMatchObject({ takesWrites: true })
    }
  }))

test('what was acknowledged while the replica had no room is in the replica once it has', () =>
  withStory({}, async ({ cloud, call, source, vault, replica, newKey }) => {
    // Nothing of what the story has made.
    await until(async () => (await healthOf(source)).links[0]?.atRisk === 0)
    const makeRoom = fillDisks(cloud, phoenix)
    const made = await newKey()
    expect(made).toMatchObject({ status: 200 })
    expect((await healthOf(source)).links[0]?.atRisk).toBe(1)
    const madeId = String(made.body['id'])
    const ciphertext = await encrypt(call, vault.endpoint, madeId)
    makeRoom()
    await until(async () => (await decrypt(call, replica, madeId, ciphertext)) === plaintext)
    await until(async () => (await healthOf(source)).links[0]?.atRisk === 0)
  }))

test('rate limits, which cannot be kept on a full disk, stop neither reads nor crypto', () =>
  withStory(
    { rateLimits: { PW: 1e6, PR: 1e6, MW: 1e6, MR: 1e6 } },
    async ({ cloud, call, vault, keyId, ciphertext }) => {
      fillDisks(cloud)
      expect(await decrypt(call, vault.endpoint, keyId, ciphertext)).toBe(plaintext)
      expect((await call('GET', `${vault.endpoint}/20180608/keys/${keyId}`)).status).toBe(200)
    },
  ))

test('where the audit of crypto is required, a full disk refuses crypto too', () =>
  withStory({ cryptoAudit: 'required' }, async ({ cloud, call, vault, replica, keyId, ciphertext }) => {
    fillDisks(cloud)
    for (const endpoint of [vault.endpoint, replica]) {
      const answer = await call('POST', `${endpoint}/20180608/decrypt`, { keyId, ciphertext })
      expect(answer).toMatchObject({ status: 503, body: { code: 'ServiceUnavailable' } })
      expect((await call('GET', `${endpoint}/20180608/keys/${keyId}`)).status).toBe(200)
    }
  }))
