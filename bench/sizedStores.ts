import { cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fillStore } from './fillStore.ts'
import { startService } from './service.ts'

/** A stopped service's directory with a vault of so many keys. */
export interface SizedStore {
  readonly keys: number
  readonly directory: string
  readonly vaultId: string
  /** Some of the keys, spread over all. */
  readonly sample: readonly string[]
}

type Note = Omit<SizedStore, 'directory'>

/** Makes what is not there yet of a store for each size below `root`; the larger one goes on from a copy of the smaller. */
export async function sizedStores(
  root: string,
  sizes: readonly number[],
  port: number,
): Promise<readonly SizedStore[]> {
  await mkdir(root, { recursive: true })
  const stores: SizedStore[] = []
  for (const keys of sizes.toSorted((a, b) => a - b)) {
    const directory = join(root, String(keys))
    const known = await noteOf(directory)
    const store = known === undefined ? await make(directory, keys, stores.at(-1), port) : { ...known, directory }
    stores.push(store)
  }
  return stores
}

async function noteOf(directory: string): Promise<Note | undefined> {
  const text = await readFile(join(directory, 'size.json'), 'utf8').catch(() => undefined)
  return text === undefined ? undefined : (JSON.parse(text) as Note)
}

async function make(
  directory: string,
  keys: number,
  before: SizedStore | undefined,
  port: number,
): Promise<SizedStore> {
  console.log(`Making a store of ${keys} keys in ${directory}`)
  const startedAt = performance.now()
  const unfinished = `${directory}.unfinished`
  await rm(unfinished, { recursive: true, force: true })
  if (before !== undefined) await cp(before.directory, unfinished, { recursive: true, filter: isNoSocket })
  else await mkdir(unfinished)
  const { vaultId, region } = await begin(unfinished, before, port)
  const sample = await fillStore({ directory: unfinished, region, vaultId, from: before?.keys ?? 0, to: keys })
  const note: Note = { keys, vaultId, sample: [...(before?.sample ?? []), ...sample] }
  await writeFile(join(unfinished, 'size.json'), JSON.stringify(note))
  await rename(unfinished, directory)
  console.log(`  took ${((performance.now() - startedAt) / 1000).toFixed(0)} s`)
  return { ...note, directory }
}

function isNoSocket(path: string): boolean {
  return !path.endsWith('.sock') && !path.endsWith('size.json')
}

const region = 'us-ashburn-1'

async function begin(directory: string, before: SizedStore | undefined, port: number) {
  if (before !== undefined) return { vaultId: before.vaultId, region }
  const service = await startService(port, {}, false, { directory, host: '127.0.0.1' })
  const details = { compartmentId: service.tenancyId, displayName: 'sizes', vaultType: 'DEFAULT' }
  const vault = await service.call('POST', service.endpoints[0]?.endpoint ?? '', '/20180608/vaults', details)
  await service.stop()
  return { vaultId: String(vault.body['id']), region }
}
