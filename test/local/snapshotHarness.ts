import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { manifestName, type Manifest } from '../../local/snapshot/manifest.ts'
import { takeSnapshot } from '../../local/snapshot/takeSnapshot.ts'
import { inCloud } from './inCloud.ts'
import { callerOf } from './signedCaller.ts'
import { withDirectory } from './startedService.ts'
import { createKey, createVault, replicate } from './vaultSteps.ts'

/** Makes a key in the only vault. */
export async function oneKeyMore(directory: string): Promise<void> {
  await inCloud(directory, async (cloud) => {
    const call = callerOf(cloud)
    const { list } = await call('GET', `${cloud.regions[0]?.endpoint}/20180608/vaults?compartmentId=${cloud.tenancyId}`)
    await createKey(call, { id: '', endpoint: String(list[0]?.['managementEndpoint']) }, cloud.tenancyId)
    await cloud.idle()
  })
}

export function manifestIn(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, manifestName), 'utf8')) as Manifest
}

interface Places {
  /** A cloud at rest with a replicated vault and a key in it. */
  readonly data: string
  /** Of that cloud. */
  readonly snapshot: string
  /** Nothing is there. */
  readonly to: string
}

let original = ''

beforeAll(async () => {
  original = mkdtempSync(join(tmpdir(), 'vaultspan-local-'))
  await inCloud(join(original, 'data'), async (cloud) => {
    const call = callerOf(cloud)
    const source = cloud.regions[0]?.endpoint ?? ''
    const vault = await createVault(call, source, cloud.tenancyId)
    await replicate(call, source, vault, 'us-phoenix-1')
    await createKey(call, vault, cloud.tenancyId)
    await cloud.idle()
  })
  await takeSnapshot(join(original, 'data'), join(original, 'snapshot'))
})

afterAll(() => {
  rmSync(original, { recursive: true, force: true })
})

/** Gives the test copies of its own. */
export function withSnapshot(body: (places: Places) => Promise<void>): Promise<void> {
  return withDirectory(async (directory) => {
    cpSync(original, directory, { recursive: true })
    await body({ data: join(directory, 'data'), snapshot: join(directory, 'snapshot'), to: join(directory, 'to') })
  })
}
