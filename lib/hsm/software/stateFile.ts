import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { writeFileDurably } from '../../durableFile.ts'
import {
  newState,
  parseState,
  withRoots,
  withTenancy,
  type HsmRoots,
  type HsmState,
  type StateStore,
  type TenancyRoot,
} from './hsmState.ts'

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

  setTenancy(tenancyId: string, tenancy: TenancyRoot): void {
    this.#keep(withTenancy(this.#state, tenancyId, tenancy))
  }

  setRoots(roots: HsmRoots): void {
    this.#keep(withRoots(this.#state, roots))
  }

  #keep(next: HsmState): void {
    write(this.#file, next, false)
    this.#state = next
  }
}

function openFile(file: string, region: string): HsmState {
  if (!existsSync(file)) {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    // Of two processes that start at once, neither loses the root that the other used: what is there stays.
    write(file, newState(region), true)
  }
  if (process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0) {
    throw new Error(`The HSM state file ${file} is open to other users; set its mode to 0600.`)
  }
  return parseState(`file ${file}`, readFileSync(file, 'utf8'), region)
}

function write(file: string, state: HsmState, isNew: boolean): void {
  writeFileDurably(file, JSON.stringify(state, undefined, 2), { mode: 0o600, isNew })
}
