import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startCloud, type Cloud } from '../../local/cloud/startCloud.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { callerOf } from './signedCaller.ts'
import { freeBase, takePort } from './freePorts.ts'
import { withDirectory } from './startedService.ts'
import { createKey, createVault, decrypt, encrypt, plaintext, replicate } from './vaultSteps.ts'

const [ashburn, phoenix, london] = ['us-ashburn-1', 'us-phoenix-1', 'uk-london-1'] as const

function endpointOf({ regions }: Cloud, name: string): string {
  return regions.find(({ region }) => region === name)?.endpoint ?? ''
}

async function withCloud(
  options: Partial<Parameters<typeof startCloud>[0]>,
  body: (cloud: Cloud) => Promise<void>,
): Promise<void> {
  const settings = { requiresServicePolicy: false, ...options.settings }
  const cloud = await startCloud({ directory: ':memory:', port: 0, generateRsa: knownRsaPair, ...options, settings })
  try {
    await body(cloud)
  } finally {
    await cloud.close()
  }
}

describe('a cloud in memory', () => {
  test('answers the administrator in every region, on ports of its own', () =>
    withCloud({}, async (cloud) => {
      const call = callerOf(cloud)
      for (const { endpoint } of cloud.regions) {
        const path = `/20180608/vaults?compartmentId=${encodeURIComponent(cloud.tenancyId)}`
        expect(await call('GET', endpoint + path)).toMatchObject({ status: 200, list: [] })
      }
      expect(new Set(cloud.regions.map(({ endpoint }) => endpoint)).size).toBe(2)
    }))

  test('decrypts in the replica what was encrypted in the source', () =>
    withCloud({}, async (cloud) => {
      const call = callerOf(cloud)
      const source = endpointOf(cloud, ashburn)
      const vault = await createVault(call, source, cloud.tenancyId)
      const replica = await replicate(call, source, vault, phoenix)
      const keyId = await createKey(call, vault, cloud.tenancyId)
      const ciphertext = await encrypt(call, vault.endpoint, keyId)
      await cloud.idle()
      expect(await decrypt(call, replica, keyId, ciphertext)).toBe(plaintext)
      const health = (await (await fetch(`${source}/healthz`)).json()) as { links: { lagMs: { last: number } }[] }
      expect(health.links[0]?.lagMs.last).toBeGreaterThanOrEqual(0)
    }))

  test('forgets what it cached as soon as it changes, however long it may keep it', () =>
    withCloud({ settings: { keyCacheMs: 3_600_000 } }, async (cloud) => {
      const call = callerOf(cloud)
      const vault = await createVault(call, endpointOf(cloud, ashburn), cloud.tenancyId)
      const keyId = await createKey(call, vault, cloud.tenancyId)
      await encrypt(call, vault.endpoint, keyId)
      await call('POST', `${vault.endpoint}/20180608/keys/${keyId}/actions/disable`)
      expect(await call('POST', `${vault.endpoint}/20180608/encrypt`, { keyId, plaintext })).toMatchObject({
        status: 409,
      })
    }))

  test('gives every vault a port in each region, also at once', () =>
    withCloud({}, async (cloud) => {
      const call = callerOf(cloud)
      const source = endpointOf(cloud, ashburn)
      const made = await Promise.all(Array.from({ length: 5 }, () => createVault(call, source, cloud.tenancyId)))
      expect(new Set(made.map(({ endpoint }) => endpoint)).size).toBe(5)
    }))
})

describe('a cloud on disk', () => {
  test('keeps its vaults, their ports and its administrator over a restart', () =>
    withDirectory(async (directory) => {
      const port = await freeBase()
      const made: { keyId: string; ciphertext: string; endpoint: string; tenancyId: string }[] = []
      await withCloud({ directory, port }, async (cloud) => {
        const call = callerOf(cloud)
        const vault = await createVault(call, endpointOf(cloud, ashburn), cloud.tenancyId)
        const keyId = await createKey(call, vault, cloud.tenancyId)
        const ciphertext = await encrypt(call, vault.endpoint, keyId)
        made.push({ keyId, ciphertext, endpoint: vault.endpoint, tenancyId: cloud.tenancyId })
      })
      const config = readFileSync(join(directory, 'oci', 'config'), 'utf8')
      const [{ keyId, ciphertext, endpoint, tenancyId } = fail()] = made
      expect(endpoint).toBe(`http://127.0.0.1:${port + 100}`)
      await withCloud({ directory, port }, async (cloud) => {
        expect(cloud.tenancyId).toBe(tenancyId)
        expect(await decrypt(callerOf(cloud), endpoint, keyId, ciphertext)).toBe(plaintext)
      })
      expect(readFileSync(join(directory, 'oci', 'config'), 'utf8')).toBe(config)
    }))

  test('takes a new region, where the administrator can sign in at once', () =>
    withDirectory(async (directory) => {
      const port = await freeBase()
      await withCloud({ directory, port }, async () => undefined)
      await withCloud({ directory, port, regions: [ashburn, phoenix, london] }, async (cloud) => {
        const path = `/20180608/vaults?compartmentId=${encodeURIComponent(cloud.tenancyId)}`
        expect(endpointOf(cloud, london)).toBe(`http://127.0.0.1:${port + 2}`)
        expect(await callerOf(cloud)('GET', endpointOf(cloud, london) + path)).toMatchObject({ status: 200 })
      })
      // Without the flag it starts with all the regions it has.
      await withCloud({ directory, port }, async ({ regions }) => {
        expect(regions).toHaveLength(3)
      })
    }))

  test('skips a port that somebody else has when it makes a vault', () =>
    withDirectory(async (directory) => {
      const port = await freeBase()
      await withCloud({ directory, port }, async (cloud) => {
        const taken = await takePort(port + 100)
        const vault = await createVault(callerOf(cloud), endpointOf(cloud, ashburn), cloud.tenancyId)
        await taken.close()
        expect(vault.endpoint).toBe(`http://127.0.0.1:${port + 101}`)
      })
    }))

  test('writes nothing for a cloud in memory', async () => {
    await withCloud({}, async () => undefined)
    expect(existsSync(':memory:')).toBe(false)
  })
})

function fail(): never {
  throw new Error('The cloud made nothing.')
}
