import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Pkcs11Hsm } from '../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import { tokenCustody, type CustodyFault, type TokenCustody } from '../../lib/hsm/pkcs11/ceremony/tokenCustody.ts'
import type { TokenOptions } from '../../lib/hsm/pkcs11/roots/tokenOptions.ts'
import { KnownRoots } from '../../lib/hsm/pkcs11/roots/knownRoots.ts'
import { strangersIn } from '../../lib/hsm/pkcs11/roots/strangers.ts'
import { partitionToken } from '../../lib/hsm/pkcs11/roots/regionToken.ts'
import { markIn } from '../../lib/hsm/pkcs11/roots/vaultMarker.ts'
import type { RecoveryKey } from '../../lib/hsm/recovery/recoveryKey.ts'
import { SoftwareHsm } from '../../lib/hsm/software/softwareHsm.ts'
import { UserError } from '../../lib/userError.ts'
import { typed } from '../typed.ts'
import { backupNote, keptInState } from './backupNote.ts'
import { keptState, takenTokens } from './keptState.ts'
import { recoveryOf } from './recoveryFile.ts'

/** What stands between a region and its custodians, for whoever runs it. */
export interface CustodyTrouble {
  readonly kind: CustodyFault | 'recoveryIsDamaged' | 'backupIsDue' | 'tokenIsAnothers' | 'hasStrangers'
  /** Of the token that it is about. */
  readonly token?: string
  readonly says: string
  readonly remedy: string
}

/** In a region's token; undefined: it is simulated, and its keys are in the file of its state. */
type Where = Pick<TokenOptions, 'module' | 'label' | 'pin' | 'known'> | undefined

/** What a token says of itself, and how the region stands to its custodians, where it has any. @throws UserError, KmsError unavailable where a token does not answer. */
export function custodyTroubles(data: string, region: string, where: Where): readonly CustodyTrouble[] {
  const foreign = where === undefined ? [] : foreignTokens(data, region, where)
  const strange = where === undefined ? [] : strangeRoots(data, region, where)
  return [...strange, ...foreign, ...ofCustodians(data, region, where)]
}

/** Objects that are called roots and are none of this service's. They are not used; who put them there had the PIN. */
function strangeRoots(data: string, region: string, where: Exclude<Where, undefined>): readonly CustodyTrouble[] {
  const known = where.known ?? KnownRoots.in(join(data, 'hsm', `${region}.json`))
  const kept = keptState(stateOf(data, region))
  const taken = kept === undefined ? [] : takenTokens(kept).map(({ label }) => label)
  const there = where.module.labels()
  return [where.label, ...taken.filter((label) => there.includes(label))].flatMap((label) => {
    const found = whatIsStrange({ ...where, label, known })
    if (found === undefined) return []
    return [{ kind: 'hasStrangers', token: label, says: `token ${label}: ${found}`, remedy: strangers }]
  })
}

function whatIsStrange(token: TokenOptions): string | undefined {
  try {
    const labels = strangersIn(token)
    if (labels.length === 0) return undefined
    return `it has objects that this service did not make, or a rotation that was cut off has left: ${labels.map((each) => `"${each}"`).join(', ')}. Nothing is put under them`
  } catch (cause) {
    if (!(cause instanceof UserError)) throw cause
    return cause.message.replace(/\.$/, '')
  }
}

/** Each private vault's token that names another vault: its own vault answers 503. One that is away is told elsewhere. */
function foreignTokens(data: string, region: string, where: Exclude<Where, undefined>): readonly CustodyTrouble[] {
  const kept = keptState(stateOf(data, region))
  const there = where.module.labels()
  return (kept === undefined ? [] : takenTokens(kept)).flatMap(({ label, vaultId, mark }) => {
    const says = there.includes(label) ? partitionToken({ ...where, label }).bare(markIn) : undefined
    if (says === undefined || says === mark) return []
    return [
      {
        kind: 'tokenIsAnothers',
        token: label,
        says: `token ${label}: by what stands in it it is another vault's (${says}) than ${vaultId}, which answers 503`,
        remedy:
          'It, or the state of the HSM, was put back to an older copy: put the newest ones back, or restore the newest backup (docs/hsm.md, When the token fails).',
      },
    ]
  })
}

function ofCustodians(data: string, region: string, where: Where): readonly CustodyTrouble[] {
  let recovery: RecoveryKey | undefined
  try {
    recovery = recoveryOf(data)
  } catch (cause) {
    if (!(cause instanceof UserError)) throw cause
    return [{ kind: 'recoveryIsDamaged', says: cause.message, remedy: damaged }]
  }
  if (recovery === undefined || !Object.hasOwn(recovery.identities, region)) return []
  const tokens = where === undefined ? [] : tokenCustody(where, recovery.publicKey)
  const faults = tokens.flatMap((token) => (token.fault === undefined ? [] : [troubleOf(token, token.fault)]))
  const state = stateOf(data, region)
  const kept = where === undefined ? keptInState(state ?? '') : tokens.flatMap((token) => token.kept)
  // Before the first start there is nothing to lose, and no backup is made.
  const isStarted = Object.keys(keptState(state)?.tenancies ?? {}).length > 0
  const due = isStarted ? dueIn(data, region, recovery, kept) : undefined
  // Where keys have no copy, no backup can be made: what is to be done is said by that.
  return due === undefined || faults.length > 0 ? faults : [due]
}

/** A token of which that is said is no free one. */
export function isGivenToNoVault(kind: CustodyTrouble['kind']): boolean {
  return kind === 'isOfOthers' || kind === 'keyIsGone' || kind === 'keyIsAnothers' || kind === 'hasNoCopies'
}

/** For a person. */
export function custodyLine(region: string, { says, remedy }: CustodyTrouble): string {
  return `  ${region}  ${says}. ${remedy}`
}

/** What was found when a running region was last looked at. */
export class CustodyWatch {
  readonly #hsm: Pkcs11Hsm | SoftwareHsm
  readonly #data: string | undefined
  /** Labels of tokens whose keys, or the next ones, the custodians could not bring back. */
  withoutKey: readonly string[] = []

  /** `data`: undefined where everything lives in memory. */
  constructor(hsm: Pkcs11Hsm | SoftwareHsm, data: string | undefined) {
    this.#hsm = hsm
    this.#data = data
  }

  /** It asks each token for each key: for a person, and not for every probe. @throws KmsError unavailable */
  look(): readonly CustodyTrouble[] {
    if (this.#data === undefined) return []
    const where = this.#hsm instanceof SoftwareHsm ? undefined : this.#hsm.tokenOptions
    const troubles = custodyTroubles(this.#data, this.#hsm.region, where)
    this.withoutKey = troubles.flatMap(({ kind, token }) =>
      token === undefined || kind === 'tokenIsAnothers' || kind === 'hasStrangers' ? [] : [token],
    )
    return troubles
  }
}

function stateOf(data: string, region: string): string | undefined {
  const file = join(data, 'hsm', `${region}.json`)
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined
}

function dueIn(
  data: string,
  region: string,
  { ceremony }: RecoveryKey,
  kept: readonly string[],
): CustodyTrouble | undefined {
  const note = backupNote(data, region)
  const known = new Set(note?.ceremony === ceremony ? note.kept : [])
  if (kept.every((key) => known.has(key))) return undefined
  return {
    kind: 'backupIsDue',
    says:
      known.size === 0
        ? 'no backup of its HSM was made for its custodians (hsm backup): with the HSM, every key would be lost'
        : `the last backup of its HSM for its custodians (${note?.at ?? ''}) lacks keys that came since: take another (hsm backup)`,
    remedy: `Take one now: ${typed('hsm', 'backup', 'FILE', '--data', data, '--region', region)}`,
  }
}

const strangers =
  'Where no rotation was cut off, somebody with the PIN put them there: find out who had it, and change the PIN. hsm rotate-root removes them (docs/hsm.md, Rotating the root).'

const damaged = 'Put another copy there: a backup has one (jq .recovery BACKUP). Nothing is backed up until then.'

const faults = {
  keyIsGone: {
    says: 'the custodians’ key is gone from it: somebody with the PIN has deleted it. No backup is made until it is back, and no new root',
    remedy:
      'Find out who had the PIN. The security officer puts the key back, with the service stopped: hsm init --so-pin-file FILE, with the --regions and --private that the tokens were made with.',
  },
  keyIsAnothers: {
    says: 'its recovery key is not the one that the security officer put there for these custodians',
    remedy:
      'Somebody with the PIN may have put it there. Look at it before anything else (hsm attest); rotate nothing.',
  },
  isOfOthers: {
    says: 'it was made for other custodians, as by a ceremony that did not end: it is given to no vault, and no backup is made',
    remedy:
      'No vault has it. The security officer makes it anew, with the service stopped: hsm init --so-pin-file FILE, with the --regions that the tokens were made with.',
  },
  vaultIsOfOthers: {
    says: 'a private vault has it, and it was made for other custodians, as by a ceremony that did not end: its keys cannot leave it for these, and no backup is made',
    remedy:
      'Have what is under the keys of that vault under those of another, and delete the vault; then hsm init makes the token anew (docs/hsm.md, Custodians).',
  },
  hasNoCopies: {
    says: 'it has keys without a copy for the custodians: somebody with the PIN has deleted the copies, or it was made without custodians',
    remedy:
      'No backup can be made of it; one that no vault has is made anew by hsm init where it has no recovery key at all. Earlier backups still bring back what was in it then (hsm restore, into new tokens): keep them. docs/hsm.md, Custodians.',
  },
} as const satisfies Record<CustodyFault, Pick<CustodyTrouble, 'says' | 'remedy'>>

function troubleOf({ label }: TokenCustody, fault: CustodyFault): CustodyTrouble {
  const { says, remedy } = faults[fault]
  return { kind: fault, token: label, says: `token ${label}: ${says}`, remedy }
}
