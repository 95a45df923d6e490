import { generateKeyPairSync } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { resetAdministrator } from '../../local/cloud/resetAdministrator.ts'
import { startCloud, type Cloud, type CloudOptions } from '../../local/cloud/startCloud.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { noHurry } from '../harness/noHurry.ts'
import { freeBase, takePort } from './freePorts.ts'
import { callerByProfile, callerOf } from './signedCaller.ts'
import { withDirectory } from './startedService.ts'
import { suiteBase } from './suiteBase.ts'
import { createKey, createVault, decrypt, encrypt, plaintext, replicate } from './vaultSteps.ts'

const [ashburn, phoenix, london] = ['us-ashburn-1', 'us-phoenix-1', 'uk-london-1'] as const

async function withCloud(
  directory: string,
  body: (cloud: Cloud) => Promise<void> = async () => undefined,
  options: Partial<CloudOptions> = {},
): Promise<void> {
  const settings = { requiresServicePolicy: false, ...noHurry }
  const port = await suiteBase()
  const cloud = await startCloud({ directory, port, generateRsa: knownRsaPair, settings, ...options })
  try {
    await body(cloud)
  } finally {
    await cloud.close()
  }
}

function filesIn(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).toSorted()
}

function vaultsUrl(endpoint: string, tenancyId: string): string {
  return `${endpoint}/20180608/vaults?compartmentId=${encodeURIComponent(tenancyId)}`
}

describe('a start refuses where a file is missing beside what needs it', () => {
  test.each([
    ['hsm/us-ashburn-1.json', 'from a copy of the directory'],
    ['hsm/us-phoenix-1.json', 'from a copy of the directory'],
    ['regions/us-phoenix-1.db', 'from a copy of the directory'],
    ['host.db', 'from a copy of the directory'],
    ['oci/administrator.pem', 'npm run reset-administrator -- --data '],
  ])('%s; and starts when it is back', (file, wayBack) =>
    withDirectory(async (directory) => {
      await withCloud(directory)
      const kept = join(directory, 'kept')
      renameSync(join(directory, file), kept)
      const before = filesIn(directory)
      const refusal = await startCloud({ directory, port: 0 }).catch((cause: unknown) => String(cause))
      expect(refusal).toContain(`${directory}/${file}`)
      expect(refusal).toContain('is missing')
      expect(refusal).toContain(wayBack)
      expect(filesIn(directory)).toEqual(before)
      renameSync(kept, join(directory, file))
      await withCloud(directory, async (cloud) => {
        const [home] = cloud.regions
        const answer = await callerOf(cloud)('GET', vaultsUrl(home?.endpoint ?? '', cloud.tenancyId))
        expect(answer.status).toBe(200)
      })
    }),
  )

  test('host.db and all rows, so that no new cloud is made beside the HSMs of the old one', () =>
    withDirectory(async (directory) => {
      await withCloud(directory)
      for (const name of ['regions', 'host.db']) renameSync(join(directory, name), join(directory, `kept-${name}`))
      const before = filesIn(directory)
      const refusal = await startCloud({ directory, port: 0 }).catch((cause: unknown) => String(cause))
      expect(refusal).toContain('know a tenancy')
      expect(refusal).toContain('npm run restore -- SNAPSHOT --data NEW')
      expect(filesIn(directory)).toEqual(before)
      for (const name of ['regions', 'host.db']) renameSync(join(directory, `kept-${name}`), join(directory, name))
      await withCloud(directory)
    }))

  test.each(['hsm', 'regions', 'oci'])('the whole of %s', (folder) =>
    withDirectory(async (directory) => {
      await withCloud(directory)
      rmSync(join(directory, folder), { recursive: true })
      await expect(startCloud({ directory, port: 0 })).rejects.toThrow(`${directory}/${folder}/`)
    }),
  )

  test('a root and a key of another cloud', () =>
    withDirectory((other) =>
      withDirectory(async (directory) => {
        await withCloud(directory)
        await withCloud(other)
        for (const file of ['hsm/us-ashburn-1.json', 'oci/administrator.pem']) {
          const own = readFileSync(join(directory, file))
          writeFileSync(join(directory, file), readFileSync(join(other, file)))
          const refusal = await startCloud({ directory, port: 0 }).catch((cause: unknown) => String(cause))
          expect(refusal).toContain(`${directory}/${file}`)
          expect(refusal).toContain('copy')
          writeFileSync(join(directory, file), own)
        }
        await withCloud(directory)
      }),
    ))
})

describe('reset-administrator', () => {
  test('gives the administrator a key that works everywhere, and the old one works nowhere', () =>
    withDirectory(async (directory) => {
      const made: { keyId: string; vaultId: string }[] = []
      await withCloud(directory, async (cloud) => {
        const call = callerOf(cloud)
        const vault = await createVault(call, cloud.regions[0]?.endpoint ?? '', cloud.tenancyId)
        made.push({ keyId: await createKey(call, vault, cloud.tenancyId), vaultId: vault.id })
      })
      const lost = callerByProfile(directory)
      rmSync(join(directory, 'oci'), { recursive: true })
      const fingerprint = await resetAdministrator(directory)
      await withCloud(directory, async (cloud) => {
        expect(cloud.administrator.fingerprint).toBe(fingerprint)
        const call = callerByProfile(directory)
        for (const { endpoint } of cloud.regions) {
          expect(await call('GET', vaultsUrl(endpoint, cloud.tenancyId))).toMatchObject({ status: 200 })
          expect(await lost('GET', vaultsUrl(endpoint, cloud.tenancyId))).toMatchObject({ status: 401 })
        }
        const { list } = await call('GET', vaultsUrl(cloud.regions[0]?.endpoint ?? '', cloud.tenancyId))
        expect(list.map(({ id }) => id)).toEqual(made.map(({ vaultId }) => vaultId))
      })
    }))

  test('refuses a directory that is in use, or has no cloud, and makes nothing', () =>
    withDirectory(async (directory) => {
      const nowhere = join(directory, 'nowhere')
      await expect(resetAdministrator(nowhere)).rejects.toThrow('There is no cloud in')
      expect(existsSync(nowhere)).toBe(false)
      await withCloud(join(directory, 'used'), async () => {
        await expect(resetAdministrator(join(directory, 'used'))).rejects.toThrow('is in use')
      })
    }))
})

describe('a region', () => {
  test('without vaults is left out, and goes on where it was when it is named again', () =>
    withDirectory(async (directory) => {
      await withCloud(directory, undefined, { regions: [ashburn, phoenix, london] })
      await withCloud(
        directory,
        async (cloud) => {
          expect(cloud.regions.map(({ region }) => region)).toEqual([ashburn, london])
          // Identity changes while it is away.
          await callerOf(cloud)('POST', `${cloud.regions[0]?.endpoint ?? ''}/20160918/compartments`, {
            compartmentId: cloud.tenancyId,
            name: 'made-meanwhile',
            description: 'd',
          })
          await cloud.idle()
        },
        { regions: [ashburn, london] },
      )
      await withCloud(directory, async ({ regions }) => {
        expect(regions).toHaveLength(2)
      })
      await withCloud(
        directory,
        async (cloud) => {
          expect(cloud.regions.map(({ region }) => region)).toEqual([ashburn, london, phoenix])
          await cloud.idle()
          const back = cloud.regions[2]?.endpoint ?? ''
          const path = `/20160918/compartments?compartmentId=${encodeURIComponent(cloud.tenancyId)}`
          const { list } = await callerOf(cloud)('GET', back + path)
          expect(list.map(({ name }) => name)).toContain('made-meanwhile')
        },
        { regions: [ashburn, london, phoenix] },
      )
    }))

  test('with a vault or a replica is not left out, nor is the home region', () =>
    withDirectory(async (directory) => {
      await withCloud(directory, async (cloud) => {
        const call = callerOf(cloud)
        const source = cloud.regions[0]?.endpoint ?? ''
        const vault = await createVault(call, source, cloud.tenancyId)
        const replica = await replicate(call, source, vault, phoenix)
        const keyId = await createKey(call, vault, cloud.tenancyId)
        const ciphertext = await encrypt(call, vault.endpoint, keyId)
        await cloud.idle()
        expect(await decrypt(call, replica, keyId, ciphertext)).toBe(plaintext)
      })
      await expect(startCloud({ directory, port: 0, regions: [ashburn] })).rejects.toThrow(
        /^us-phoenix-1 has vaults or replicas here and cannot be left out/,
      )
      await expect(startCloud({ directory, port: 0, regions: [phoenix] })).rejects.toThrow(
        'The home region us-ashburn-1 must be among --regions.',
      )
    }))
})

describe('a start makes no folder that is missing beside what needs its files', () => {
  test.each([
    ['hsm', 'hsm/us-ashburn-1.json'],
    ['oci', 'oci/administrator.pem'],
    ['regions', 'regions/us-ashburn-1.db'],
  ])('%s', (folder, file) =>
    withDirectory(async (directory) => {
      await withCloud(directory)
      rmSync(join(directory, folder), { recursive: true })
      const before = filesIn(directory)
      await expect(startCloud({ directory, port: 0 })).rejects.toThrow(`${directory}/${file}`)
      expect(filesIn(directory)).toEqual(before)
    }),
  )
})

describe("a start names the administrator's file and the way back where it holds no key that signs", () => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  test.each([
    ['nothing', ''],
    ['another text', 'not a key'],
    ['a public key', publicKey.export({ type: 'spki', format: 'pem' })],
    ['a key of another kind', ec.export({ type: 'pkcs8', format: 'pem' })],
  ])('%s', (_, content) =>
    withDirectory(async (directory) => {
      await withCloud(directory)
      writeFileSync(join(directory, 'oci/administrator.pem'), content)
      const refusal = await startCloud({ directory, port: 0 }).catch((cause: unknown) => String(cause))
      expect(refusal).toContain(`${directory}/oci/administrator.pem holds no RSA private key`)
      expect(refusal).toContain(`npm run reset-administrator -- --data ${directory}`)
      await resetAdministrator(directory)
      await withCloud(directory)
    }),
  )
})

describe('a start that fails', () => {
  test('leaves nothing behind, so that the next one is the first', () =>
    withDirectory(async (parent) => {
      const directory = join(parent, 'data')
      const port = await freeBase()
      const taken = await takePort(port + 1)
      await expect(startCloud({ directory, port, regions: [london, ashburn] })).rejects.toThrow('is taken')
      await taken.close()
      expect(filesIn(parent)).toEqual([])
      await withCloud(directory, async ({ homeRegion }) => {
        expect(homeRegion).toBe(ashburn)
      })
    }))

  test('leaves what lay there before', () =>
    withDirectory(async (directory) => {
      writeFileSync(join(directory, 'notes.txt'), 'mine')
      const taken = await takePort(0)
      await expect(startCloud({ directory, port: taken.port })).rejects.toThrow('is taken')
      await taken.close()
      expect(filesIn(directory)).toEqual(['notes.txt'])
    }))

  test('of a cloud that is there changes none of its files', () =>
    withDirectory(async (directory) => {
      const port = await freeBase()
      await withCloud(directory, undefined, { port })
      const contents = () =>
        filesIn(directory)
          .filter((name) => /\.(json|pem)$|config$/.test(name))
          .map((name) => [name, readFileSync(join(directory, name), 'utf8')])
      const [before, files] = [contents(), filesIn(directory)]
      const other = await freeBase()
      const taken = await takePort(other + 1)
      const regions = [ashburn, phoenix, london]
      await expect(startCloud({ directory, port: other, regions })).rejects.toThrow('is taken')
      await taken.close()
      expect(contents()).toEqual(before)
      expect(filesIn(directory)).toEqual(files)
    }))
})
