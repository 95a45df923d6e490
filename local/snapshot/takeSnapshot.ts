import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { randomUUID } from 'node:crypto'
import { canonicalJson, type Json } from '../../lib/canonicalJson.ts'
import { writeFileDurably } from '../../lib/durableFile.ts'
import { openSqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'
import { UserError, messageOf } from '../../lib/userError.ts'
import { knownRegions } from '../directory/chooseRegions.ts'
import { askFaultServer } from '../control/faultServer.ts'
import { isMemoryFolder } from '../directory/memoryFolder.ts'
import { HostDirectory } from '../directory/hostDirectory.ts'
import { ownerFileName } from '../hsm/tokenOwner.ts'
import { waitForFormer } from '../processes/formerProcesses.ts'
import { requireComplete } from '../directory/requireComplete.ts'
import { version } from '../version.ts'
import { copyDatabases, type CopiedDatabases, type CopiedRegion } from './copyDatabases.ts'
import { copyFile } from './copyFile.ts'
import { filesBelow, manifestName, manifestOf, type Manifest } from './manifest.ts'
import { parseJson } from '../../lib/parseJson.ts'
import { makeFolder } from '../makeFolder.ts'

/**
 * Copies a cloud, which may run meanwhile, into a new folder. Its HSMs' states come first: what a state knows of identity, the stores
 * that are copied later have too, and what it has not learned yet it learns again. @throws UserError; then nothing is left of it.
 */
export async function takeSnapshot(data: string, folder: string): Promise<Manifest> {
  const [from, to] = [resolve(data), resolve(folder)]
  if (isMemoryFolder(from))
    throw new UserError(`The cloud of ${data} is in memory (--memory) and has no files; there is nothing to copy.`)
  if (!existsSync(join(from, 'host.db')))
    throw new UserError(`There is no cloud in ${data}; name its directory with --data.`)
  requireEmpty(folder)
  if (isWithin(from, to) || isWithin(to, from))
    throw new UserError(`${folder} must not lie in ${data}, nor that in it.`)
  const wasThere = existsSync(to)
  try {
    makeFolder(to)
    for (const name of filesBelow(from)) if (isPlain(name)) await copyFile(join(from, name), join(to, name))
    const copied = await copyStores(from, to)
    requireSameRoots(from, to)
    for (const region of Object.keys(copied.marks)) requireSound(join(to, 'regions', `${region}.db`))
    const made = await manifestOf(to, { version, ...copied })
    writeFileDurably(join(to, manifestName), `${JSON.stringify(made, undefined, 2)}\n`, { mode: 0o600 })
    return made
  } catch (cause) {
    for (const name of wasThere ? readdirSync(to) : []) rmSync(join(to, name), { recursive: true, force: true })
    if (!wasThere) rmSync(to, { recursive: true, force: true })
    throw cause
  }
}

/**
 * The states were copied before the stores: what was made between the two under another root, or in a token that was taken
 * meanwhile, would not open. @throws UserError
 */
function requireSameRoots(from: string, to: string): void {
  const rootsOf = (file: string) => {
    const { tenancies: _, mac: __, ...others } = parseJson(readFileSync(file, 'utf8')) as Record<string, Json>
    return canonicalJson(others)
  }
  for (const name of filesBelow(from)) {
    if (!/^hsm\/[^/]+\.json$/.test(name) || !existsSync(join(to, name))) continue
    if (rootsOf(join(from, name)) !== rootsOf(join(to, name)))
      throw new UserError(
        'A root was rotated or a private vault was made or deleted while the snapshot was taken; take it again.',
      )
  }
}

/** @throws UserError where something is there. */
export function requireEmpty(folder: string): void {
  try {
    if (!existsSync(folder) || readdirSync(folder).length === 0) return
  } catch (cause) {
    throw new UserError(`${folder} is no directory; name one that is empty or not there yet.`, { cause })
  }
  throw new UserError(`${folder} is not empty; name a directory that is empty or not there yet.`)
}

function isWithin(outer: string, inner: string): boolean {
  const way = relative(outer, inner)
  return !way.startsWith('..') && resolve(outer, way) === inner
}

/** Not who it is to its tokens, which a copy is not; no database, which is copied by whoever has it open; no backup, which is its owner's; no draft of another file. */
function isPlain(name: string): boolean {
  if (name === `hsm/${ownerFileName}`) return false
  return !/\.db(-wal|-shm|-journal|\.lock)?$/.test(name) && !/^backups\//.test(name) && !/(^|\/)\.draft-/.test(name)
}

/** Asks the service that uses the directory, or does it as the only one who does. */
async function copyStores(from: string, to: string): Promise<CopiedDatabases> {
  const answer = await askFaultServer(from, `snapshot ${encodeURIComponent(to)}`).catch(() => undefined)
  if (answer === undefined) return copyStoresAtRest(from, to)
  const [, json] = /^ok: (.*)$/.exec(answer) ?? []
  if (json === undefined) throw new UserError(answer.replace(/^error: /, '') || 'The service ended meanwhile.')
  // INVARIANT: the service answers with what `copyDatabases` resolves with.
  return parseJson(json) as CopiedDatabases
}

async function copyStoresAtRest(from: string, to: string): Promise<CopiedDatabases> {
  const directory = new HostDirectory(from)
  try {
    requireComplete(directory)
    await waitForFormer(from, knownRegions(directory))
    return await copyDatabases(
      directory,
      knownRegions(directory).map((name) => atRest(name, directory)),
      to,
    )
  } finally {
    directory.close()
  }
}

/** A region that does not run: closed in order, its file holds everything. */
function atRest(name: string, directory: HostDirectory): CopiedRegion {
  const file = directory.file('regions', `${name}.db`) ?? ''
  const nothing = async () => undefined
  return {
    name,
    holdInbox: nothing,
    releaseInbox: nothing,
    thaw: nothing,
    freeze: async () => {
      const store = openSqliteRegionStore({ file, clock: Date.now, newId: randomUUID })
      try {
        return store.tables.commitMark()
      } finally {
        store.close()
      }
    },
  }
}

/** Reads the copy and changes nothing in it. */
function requireSound(file: string): void {
  try {
    const database = new DatabaseSync(`${pathToFileURL(file).href}?immutable=1`, { readOnly: true })
    try {
      const found = database.prepare('PRAGMA quick_check(1)').get()?.['quick_check']
      if (found !== 'ok') throw new Error(String(found))
    } finally {
      database.close()
    }
  } catch (cause) {
    throw new UserError(`The copy ${file} is not sound: ${messageOf(cause)}`, { cause })
  }
}
