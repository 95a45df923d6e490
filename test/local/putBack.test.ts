import { cpSync, existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { startCloud, type Cloud, type CloudOptions } from '../../local/cloud/startCloud.ts'
import { messageOf } from '../../lib/userError.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { noHurry } from '../harness/noHurry.ts'
import { operatorEvents } from './operatorEvents.ts'
import { callerOf } from './signedCaller.ts'
import { withDirectory } from './startedService.ts'
import { suiteBase } from './suiteBase.ts'
import { createKey, createVault, decrypt, encrypt, plaintext, replicate, type MadeVault } from './vaultSteps.ts'

const [ashburn, phoenix] = ['us-ashburn-1', 'us-phoenix-1'] as const

/** A cloud with a replicated vault, and everything that came into being since a copy of its files was taken. */
interface Story {
  readonly vault: MadeVault
  readonly before: { readonly keyId: string; readonly ciphertext: string }
}

async function inCloud<T>(
  directory: string,
  body: (cloud: Cloud) => Promise<T>,
  options: Partial<CloudOptions> = {},
): Promise<T> {
  const settings = { preparesKeys: false, ...noHurry, ...options.settings }
  const port = await suiteBase()
  const cloud = await startCloud({ directory, port, generateRsa: knownRsaPair, ...options, settings })
  try {
    return await body(cloud)
  } finally {
    await cloud.close()
  }
}

function endpointOf({ regions }: Cloud, region: string): string {
  return regions.find((each) => each.region === region)?.endpoint ?? ''
}

async function begin(directory: string, options: Partial<CloudOptions> = {}): Promise<Story> {
  const body = async (cloud: Cloud): Promise<Story> => {
    const call = callerOf(cloud)
    await call('POST', `${endpointOf(cloud, ashburn)}/20160918/policies`, {
      compartmentId: cloud.tenancyId,
      name: 'replication',
      description: 'd',
      statements: ['Allow service keymanagementservice to manage vaults in tenancy'],
    })
    const vault = await createVault(call, endpointOf(cloud, ashburn), cloud.tenancyId)
    await replicate(call, endpointOf(cloud, ashburn), vault, phoenix)
    const keyId = await createKey(call, vault, cloud.tenancyId)
    const ciphertext = await encrypt(call, vault.endpoint, keyId)
    await cloud.idle()
    return { vault, before: { keyId, ciphertext } }
  }
  return inCloud(directory, body, options)
}

const folders = { database: 'regions', hsm: 'hsm' } as const

/** Takes a copy, lets `meanwhile` happen, and puts the region's files back as they were. */
async function putBack(
  directory: string,
  region: string,
  meanwhile: (cloud: Cloud) => Promise<void>,
  what: keyof typeof folders = 'database',
): Promise<void> {
  const folder = join(directory, folders[what])
  const copy = join(directory, '..', `${what}-copy`)
  cpSync(folder, copy, { recursive: true })
  await inCloud(directory, async (cloud) => {
    await meanwhile(cloud)
    await cloud.idle()
  })
  const suffixes = what === 'hsm' ? ['.json'] : ['.db', '.db-wal', '.db-shm']
  for (const suffix of suffixes) {
    rmSync(join(folder, region + suffix), { force: true })
    if (existsSync(join(copy, region + suffix))) cpSync(join(copy, region + suffix), join(folder, region + suffix))
  }
  rmSync(copy, { recursive: true })
}

function inDirectory(body: (directory: string) => Promise<void>): Promise<void> {
  return withDirectory((parent) => body(join(parent, 'data')))
}

async function vaultAt(cloud: Cloud, region: string, id: string): Promise<string> {
  const { body } = await callerOf(cloud)('GET', `${endpointOf(cloud, region)}/20180608/vaults/${id}`)
  return String(body['managementEndpoint'])
}

async function healthOf(cloud: Cloud, region: string): Promise<Record<string, unknown>> {
  return (await (await fetch(`${endpointOf(cloud, region)}/healthz`)).json()) as Record<string, unknown>
}

describe('a primary whose database is an older copy', () => {
  test('does not start, and says which region, how much is missing, and the ways on', () =>
    inDirectory(async (directory) => {
      const { vault } = await begin(directory)
      await putBack(directory, ashburn, async (cloud) => {
        await createKey(callerOf(cloud), vault, cloud.tenancyId)
      })
      const refused = startCloud({ directory, port: 0, generateRsa: knownRsaPair })
      await expect(refused).rejects.toThrow(
        /us-ashburn-1\.db is an older copy: us-phoenix-1 knows of \d+ changes of us-ashburn-1 that are missing in it\. .* --recover us-ashburn-1/,
      )
      await expect(startCloud({ directory, port: 0, generateRsa: knownRsaPair, recover: phoenix })).rejects.toThrow(
        'is an older copy',
      )
    }))

  test('is refused with the number that --recover says was missing, whichever region knows most', () =>
    inDirectory(async (directory) => {
      // The second region hears of identity alone, the third of keys too.
      const { vault } = await begin(directory, { regions: [ashburn, 'eu-frankfurt-1', phoenix] })
      await putBack(directory, ashburn, async (cloud) => {
        const call = callerOf(cloud)
        await call('POST', `${endpointOf(cloud, ashburn)}/20160918/policies`, {
          compartmentId: cloud.tenancyId,
          name: 'since',
          description: 'd',
          statements: ['Allow group Administrators to read vaults in tenancy'],
        })
        await cloud.idle()
        for (let made = 0; made < 3; made += 1) await createKey(call, vault, cloud.tenancyId)
      })
      const refused = startCloud({ directory, port: 0, generateRsa: knownRsaPair })
      const refusal = await refused.then(() => '', messageOf)
      const [, peer, missing] = /: (\S+) knows of (\d+) changes of us-ashburn-1/.exec(refusal) ?? []
      expect(peer).toBe(phoenix)
      await inCloud(
        directory,
        async (cloud) => {
          const health = await healthOf(cloud, ashburn)
          expect(health).toMatchObject({ putBack: { missingChanges: Number(missing) } })
        },
        { recover: ashburn },
      )
      expect(operatorEvents(directory, ashburn)).toMatchObject([['RecoverRegion', { missingChanges: Number(missing) }]])
    }))

  test('takes back with --recover what its replica has; no revision is given out twice', () =>
    inDirectory(async (directory) => {
      const { vault, before } = await begin(directory)
      const made: { keyId: string; ciphertexts: string[]; policy: string; lost: string }[] = []
      await putBack(directory, ashburn, async (cloud) => {
        const call = callerOf(cloud)
        const { endpoint } = vault
        const path = `${endpoint}/20180608/keys/${before.keyId}`
        await call('PUT', path, { displayName: 'renamed since' })
        await call('POST', `${path}/keyVersions`, {})
        const keyId = await createKey(call, vault, cloud.tenancyId)
        const policy = await call('POST', `${endpointOf(cloud, ashburn)}/20160918/policies`, {
          compartmentId: cloud.tenancyId,
          name: 'since',
          description: 'd',
          statements: ['Allow group Administrators to read vaults in tenancy'],
        })
        const lost = await createVault(call, endpointOf(cloud, ashburn), cloud.tenancyId)
        await replicate(call, endpointOf(cloud, ashburn), lost, phoenix)
        made.push({
          keyId,
          ciphertexts: [await encrypt(call, endpoint, keyId), await encrypt(call, endpoint, before.keyId)],
          policy: String(policy.body['id']),
          lost: lost.id,
        })
      })
      const [since] = made
      if (since === undefined) throw new Error('Nothing happened meanwhile.')
      const { keyId, ciphertexts, policy, lost } = since
      await inCloud(
        directory,
        async (cloud) => {
          const call = callerOf(cloud)
          const health = await healthOf(cloud, ashburn)
          expect(health).toMatchObject({ status: 'degraded', putBack: { lostVaults: 1 } })
          const endpoint = await vaultAt(cloud, ashburn, vault.id)
          const replica = await vaultAt(cloud, phoenix, vault.id)
          const renamed = await call('GET', `${endpoint}/20180608/keys/${before.keyId}`)
          expect(renamed.body).toMatchObject({ displayName: 'renamed since' })
          expect((await call('GET', `${endpointOf(cloud, ashburn)}/20160918/policies/${policy}`)).status).toBe(200)
          // The next change takes the next revision, and arrives.
          await call('PUT', `${endpoint}/20180608/keys/${before.keyId}`, { displayName: 'after' })
          await cloud.idle()
          for (const at of [endpoint, replica]) {
            const shown = await call('GET', `${at}/20180608/keys/${before.keyId}`)
            expect(shown.body).toMatchObject({ displayName: 'after' })
            expect(await decrypt(call, at, keyId, ciphertexts[0] ?? '')).toBe(plaintext)
            expect(await decrypt(call, at, before.keyId, ciphertexts[1] ?? '')).toBe(plaintext)
            expect(await decrypt(call, at, before.keyId, before.ciphertext)).toBe(plaintext)
          }
          for (const region of [ashburn, phoenix]) {
            const { links, queues } = (await healthOf(cloud, region)) as {
              links: { diverged: number }[]
              queues: { deadLetters: number }
            }
            expect([links[0]?.diverged, queues.deadLetters]).toEqual([0, 0])
          }
          // The vault that is lost here still decrypts where its replica is.
          expect((await call('GET', `${endpointOf(cloud, phoenix)}/20180608/vaults/${lost}`)).status).toBe(200)
          expect((await call('GET', `${endpointOf(cloud, ashburn)}/20180608/vaults/${lost}`)).status).toBe(404)
        },
        { recover: ashburn },
      )
      await inCloud(directory, async (cloud) => {
        expect(await healthOf(cloud, ashburn)).toMatchObject({ status: 'ok' })
      })
    }))

  test('knows after --recover that a replica was deleted since, and makes it anew', () =>
    inDirectory(async (directory) => {
      const { vault, before } = await begin(directory)
      await putBack(directory, ashburn, async (cloud) => {
        const path = `${endpointOf(cloud, ashburn)}/20180608/vaults/${vault.id}/actions`
        await callerOf(cloud)('POST', `${path}/deleteReplica`, { replicaRegion: phoenix })
      })
      await inCloud(
        directory,
        async (cloud) => {
          const call = callerOf(cloud)
          const path = `${endpointOf(cloud, ashburn)}/20180608/vaults/${vault.id}/actions/listReplicas`
          expect((await call('GET', path)).list).toEqual([])
          const replica = await replicate(call, endpointOf(cloud, ashburn), vault, phoenix)
          expect(await decrypt(call, replica, before.keyId, before.ciphertext)).toBe(plaintext)
        },
        { recover: ashburn },
      )
    }))
})

test('a replica whose database is an older copy says so, and gets everything again with --recover', () =>
  inDirectory(async (directory) => {
    const { vault, before } = await begin(directory)
    const made: { keyId: string; ciphertext: string; second: string }[] = []
    await putBack(directory, phoenix, async (cloud) => {
      const call = callerOf(cloud)
      const keyId = await createKey(call, vault, cloud.tenancyId)
      const second = await createVault(call, endpointOf(cloud, ashburn), cloud.tenancyId)
      await replicate(call, endpointOf(cloud, ashburn), second, phoenix)
      await call('POST', `${endpointOf(cloud, ashburn)}/20160918/compartments`, {
        compartmentId: cloud.tenancyId,
        name: 'since',
        description: 'd',
      })
      made.push({ keyId, ciphertext: await encrypt(call, vault.endpoint, keyId), second: second.id })
    })
    await expect(startCloud({ directory, port: 0, generateRsa: knownRsaPair })).rejects.toThrow(
      'us-phoenix-1.db is an older copy: us-ashburn-1 knows of',
    )
    await inCloud(
      directory,
      async (cloud) => {
        const call = callerOf(cloud)
        await cloud.idle()
        expect(await healthOf(cloud, phoenix)).toMatchObject({ status: 'degraded', putBack: { lostVaults: 0 } })
        const replica = await vaultAt(cloud, phoenix, vault.id)
        for (const { keyId, ciphertext, second } of made) {
          expect(await decrypt(call, replica, keyId, ciphertext)).toBe(plaintext)
          expect((await call('GET', `${endpointOf(cloud, phoenix)}/20180608/vaults/${second}`)).status).toBe(200)
        }
        expect(await decrypt(call, replica, before.keyId, before.ciphertext)).toBe(plaintext)
      },
      { recover: phoenix },
    )
  }))

test.each([ashburn, phoenix])('an HSM state of %s that is older than its database opens everything', (region) =>
  inDirectory(async (directory) => {
    const { vault, before } = await begin(directory)
    await putBack(
      directory,
      region,
      async (cloud) => {
        await callerOf(cloud)('POST', `${endpointOf(cloud, ashburn)}/20160918/compartments`, {
          compartmentId: cloud.tenancyId,
          name: 'since',
          description: 'd',
        })
      },
      'hsm',
    )
    await inCloud(directory, async (cloud) => {
      const endpoint = await vaultAt(cloud, region, vault.id)
      expect(await decrypt(callerOf(cloud), endpoint, before.keyId, before.ciphertext)).toBe(plaintext)
    })
  }),
)

test('a restart, a kill and a cut region are no older copy', () =>
  inDirectory(async (directory) => {
    const { vault } = await begin(directory)
    await inCloud(directory, async (cloud) => {
      await cloud.faults.cut(phoenix)
      await createKey(callerOf(cloud), vault, cloud.tenancyId)
    })
    await inCloud(directory, async (cloud) => {
      expect(await healthOf(cloud, ashburn)).toMatchObject({ status: 'ok' })
    })
  }))
