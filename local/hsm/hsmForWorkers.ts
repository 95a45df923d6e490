import type { CopiedTokenHsm } from '../../lib/hsm/pkcs11/roots/pkcs11HsmOptions.ts'
import type { TokenOwner } from '../../lib/hsm/pkcs11/roots/ownerMark.ts'
import { openPkcs11Hsm, type Pkcs11Hsm } from '../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import { Pkcs11Module, type SharedLibrary } from '../../lib/hsm/pkcs11/library/pkcs11Module.ts'
import type { HsmState } from '../../lib/hsm/software/hsmState.ts'
import { MemoryState } from '../../lib/hsm/software/hsmState.ts'
import { PoolShare } from '../../lib/hsm/software/poolShare.ts'
import { openSoftwareHsm, SoftwareHsm } from '../../lib/hsm/software/softwareHsm.ts'
import { realm } from '../../lib/ocid.ts'
import { pinFrom } from './pin.ts'
import { refusedPins, refusedPinsSuffix } from './refusedPins.ts'
import type { DataFiles } from '../region/region.ts'
import type { TokenSettings } from './tokenSettings.ts'

/** What a worker is started with of its region's HSM. */
export type WorkerHsm =
  | { readonly kind: 'simulated'; readonly state: HsmState }
  | {
      readonly kind: 'token'
      readonly of: CopiedTokenHsm
      readonly library: SharedLibrary
      readonly module: string
      readonly label: string
      readonly pinFile: string
      /** Where it stands which tokens have refused the PIN. */
      readonly refusals: string
      /** Whose the token must be; null: it lies in the data directory itself. */
      readonly owner: Pick<TokenOwner, 'id' | 'path' | 'adopts' | 'howToTake'> | null
    }

/** A region's HSM as its workers have it. */
export interface HsmForWorkers {
  /** For the worker of this number, each time that it is started. */
  start(index: number): WorkerHsm
  /** It is gone: what it had open in the library is closed. */
  ended(index: number): void
  /** Tokens that do not answer one of them. */
  lookAgain(labels: readonly string[]): void
}

export function hsmForWorkers(
  hsm: SoftwareHsm | Pkcs11Hsm,
  directory: DataFiles,
  tokens: TokenSettings | null,
): HsmForWorkers {
  if (hsm instanceof SoftwareHsm) {
    return {
      start: () => ({ kind: 'simulated', state: hsm.copiedState() }),
      ended: () => undefined,
      lookAgain: () => undefined,
    }
  }
  const refusals = directory.file('hsm', `${hsm.region}${refusedPinsSuffix}`)
  if (tokens === null || refusals === undefined) throw new TypeError('Workers read what a region has on the disk.')
  const { pinFile } = tokens
  const started = new Map<number, SharedLibrary>()
  const { label, tokenOptions } = hsm
  const { module } = tokenOptions
  return {
    start: (index) => {
      const library = module.forThread(index + 1)
      started.set(index, library)
      const owner = ownerOf(hsm)
      return { kind: 'token', of: hsm.copied(), library, module: module.path, label, pinFile, refusals, owner }
    },
    ended: (index) => {
      const library = started.get(index)
      started.delete(index)
      if (library !== undefined) module.ended(library)
    },
    lookAgain: (labels) => {
      hsm.lookAgain(labels)
    },
  }
}

function ownerOf({ tokenOptions: { owner } }: Pkcs11Hsm) {
  if (owner === undefined) return null
  const { id, path, adopts, howToTake } = owner
  return { id, path, adopts, howToTake }
}

/** Keys are made by the region's own thread, in the one bounded share of the pool that all threads have. */
const noGeneration = { atOnce: 0, maxWaiting: 0 } as const

/** In the worker. `beforeOpening` takes what it was told meanwhile. */
export function openWorkerHsm(region: string, from: WorkerHsm, beforeOpening: () => void): SoftwareHsm | Pkcs11Hsm {
  const options = { region, realm, generationShare: new PoolShare(noGeneration) }
  if (from.kind === 'simulated') {
    return openSoftwareHsm({ ...options, store: new MemoryState(from.state), beforeOpening })
  }
  const { of, library, label, pinFile, refusals, owner } = from
  const token = {
    module: Pkcs11Module.inThread(from.module, library),
    label,
    pin: () => pinFrom(pinFile),
    refusedPins: refusedPins(pinFile, refusals),
    // The region's own thread marks.
    ...(owner === null ? {} : { owner: { ...owner, keep: () => undefined } }),
  }
  return openPkcs11Hsm({ ...options, token, copy: { of, beforeOpening } })
}
