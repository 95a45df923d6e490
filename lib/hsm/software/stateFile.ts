import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { newState, parseState, withTenancy, type HsmState, type StateStore, type TenancyState } from './hsmState.ts'

/** A simulated HSM's state in a file of one process (its data directory is locked). */
export class StateFile implements StateStore {
  readonly #file: string
  #state: HsmState

  constructor(region: string, file: string) {
    this.#file = file
    this.#state = openFile(file, region)
  }

  get state(): HsmState {
    return this.#state
  }

  setTenancy(tenancyId: string, tenancy: TenancyState): void {
    const next = withTenancy(this.#state, tenancyId, tenancy)
    writeDurably(this.#file, next, renameSync)
    this.#state = next
  }
}

function openFile(file: string, region: string): HsmState {
  if (!existsSync(file)) {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    // A link fails where the file exists: of two processes that start at once, neither loses the root that the other used.
    writeDurably(file, newState(region), linkIfAbsent)
  }
  if (process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0) {
    throw new Error(`The HSM state file ${file} is open to other users; set its mode to 0600.`)
  }
  return parseState(`file ${file}`, readFileSync(file, 'utf8'), region)
}

/** After a crash there is the old file or the new one, never a part of one. */
function writeDurably(file: string, state: HsmState, publish: (from: string, to: string) => void): void {
  const temporary = join(dirname(file), `.${basename(file)}.${process.pid}.${randomBytes(6).toString('hex')}`)
  try {
    writeFileSync(temporary, JSON.stringify(state, undefined, 2), { mode: 0o600, flag: 'wx', flush: true })
    chmodSync(temporary, 0o600) // whatever the umask says
    publish(temporary, file)
  } finally {
    rmSync(temporary, { force: true })
  }
  syncDirectory(dirname(file))
}

function linkIfAbsent(from: string, to: string): void {
  try {
    linkSync(from, to)
  } catch (error) {
    if (!existsSync(to)) throw error
  }
}

function syncDirectory(directory: string): void {
  if (process.platform === 'win32') return // directories cannot be opened there
  const descriptor = openSync(directory, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
