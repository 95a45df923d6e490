import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type * as v from 'valibot'
import { withUser, type NewToken } from '../../lib/hsm/pkcs11/ceremony/initialize.ts'
import { generations } from '../../lib/hsm/pkcs11/roots/findRoots.ts'
import type { TokenCopies } from '../../lib/hsm/pkcs11/ceremony/tokenBackup.ts'
import { UserError } from '../../lib/userError.ts'
import type { backedUpSchema } from './backupRegion.ts'
import {
  foreignToken,
  keptState,
  lackedRoot,
  lackedToken,
  takenTokens,
  type KeptState,
  type TakenToken,
} from './keptState.ts'
import { requireTaken } from './regionCopies.ts'

type Access = Pick<NewToken, 'module' | 'label' | 'pin'>

interface Following {
  readonly data: string
  readonly region: string
  /** PEM, that the ceremony knew. */
  readonly identity: string
  /** Labels of private vaults' tokens that the backup is to be restored without. */
  readonly without: readonly string[]
}

export interface Followed {
  /** The newest root that the backup lacks, where a rotation to it is under way: the region's own token must have it still. */
  readonly begun: number | undefined
  /** What is restored: all tokens of the backup but those that are left out. */
  readonly tokens: readonly TokenCopies[]
  readonly leftOut: readonly TakenToken[]
}

/**
 * What the region would start from after a restore, the state that is there or else the backup's, stands on what the backup has
 * and is no older than the rows. @throws UserError, before anything is made
 */
export function requireFollowing(
  { data, region, identity, without }: Following,
  { state, tokens: all }: v.InferOutput<typeof backedUpSchema>,
): Followed {
  const tokens = all.filter(({ label }) => !without.includes(label))
  const place = join(data, 'hsm', `${region}.json`)
  const text = existsSync(place) ? readFileSync(place, 'utf8') : undefined
  const begun =
    text === undefined || text === state
      ? undefined
      : requireSameRoots(place, { region, identity }, text, { state, tokens })
  const kept = keptState(text ?? state)
  if (kept === undefined)
    throw new UserError(
      `The backup was made before ${region} was started, and holds no root of a tenancy: put back hsm/${region}.json of a snapshot first. Nothing was changed.`,
    )
  const lacked = lackedRoot(kept, tokens)
  if (lacked !== undefined)
    throw new UserError(
      `The backup is older than the tenancy ${lacked}, whose root lay in the token of ${region}: the region would not start from it. Take a newer backup. Nothing was changed.`,
    )
  const leftOut = leftOutOf(kept, all, { region, without })
  const token = lackedToken(kept, [...tokens, ...leftOut])
  if (token !== undefined)
    throw new UserError(
      `The backup lacks the token "${token.label}", which ${token.of} has: it is older than that, or was made while the token was away. Take another backup that has it. With --without "${token.label}" everything else is restored, and that vault stays lost. Nothing was changed.`,
    )
  const foreign = foreignToken(kept, tokens)
  if (foreign !== undefined)
    throw new UserError(
      `The backup is older than the token "${foreign.label}", which was made anew since: in the backup it is another vault's than ${foreign.vaultId}, which has it now. Take a newer backup. With --without "${foreign.label}" everything else is restored, and that vault stays lost. Nothing was changed.`,
    )
  const [known, revision] = [revisionOfRows(data, region), kept.revision ?? 0]
  if (revision >= known) return { begun, tokens, leftOut }
  throw new UserError(
    `The rows of ${region} know of change ${known} of its roots and tokens, and ${text === undefined ? 'the backup' : place} has change ${revision}: take a newer backup, or put back the rows of that time with it. Nothing was changed.`,
  )
}

/** A token that the backup has is not left out by mistake: its vault would be lost by that alone. @throws UserError */
function leftOutOf(
  kept: KeptState,
  tokens: readonly TokenCopies[],
  { region, without }: Pick<Following, 'region' | 'without'>,
): readonly TakenToken[] {
  const taken = takenTokens(kept)
  requireTaken(without, taken, region)
  const leftOut = taken.filter(({ label }) => without.includes(label))
  const marks = new Map(tokens.map(({ label, vault }) => [label, vault]))
  const needless = leftOut.find(({ label, mark }) => marks.has(label) && (marks.get(label) ?? mark) === mark)
  if (needless === undefined) return leftOut
  throw new UserError(
    `The backup has the token "${needless.label}" of the private vault ${needless.vaultId}: leave it out of --without. Nothing was changed.`,
  )
}

/**
 * The region's state that is there already stays, where what is in the backup is what it stands on, or what it stood on until the
 * rotation that is under way. @throws UserError
 */
function requireSameRoots(
  place: string,
  { region, identity }: Pick<Following, 'region' | 'identity'>,
  text: string,
  { state, tokens }: v.InferOutput<typeof backedUpSchema>,
): number | undefined {
  const there = keptState(text)
  if (tokens.length === 0 || there?.format.startsWith('vaultspan/pkcs11-hsm/') !== true)
    throw new UserError(
      `${place} is there, and is not what the backup has. Put it aside where the backup's is meant. Nothing was changed.`,
    )
  const foreign = Object.values(there.tenancies).some(({ statement }) => statement.publicKey !== identity)
  if (foreign) throw new UserError(`${place} is another tenancy's region ${region}. Nothing was changed.`)
  const [[own = 1, ...former], [newest = 1]] = [rootsOf(there), rootsOf(keptState(state))]
  if (newest === own) return undefined
  if (former.includes(newest)) return own
  throw rotatedSince(region, newest, own)
}

/**
 * A private vault's token may come back while a rotation is under way: the region's own has both roots. @throws UserError where it
 * has not, for what is under the newer root would be lost.
 */
export function requireBegunRoot({ module, label, pin }: Access, region: string, begun: number | undefined): void {
  if (begun === undefined) return
  const slot = module.slotOf(label)
  const there = slot === undefined || !module.tokenInfo(slot).hasUserPin ? [] : withUser(module, slot, pin, generations)
  if (!there.includes(begun)) throw rotatedSince(region, there.at(-1) ?? begun - 1, begun)
}

function rotatedSince(region: string, newest: number, own: number): UserError {
  return new UserError(
    `The root of ${region} was rotated since this backup (it has root ${newest}, the rows are under ${own}): take a newer backup, or put back the rows of that time with it. Nothing was changed.`,
  )
}

function rootsOf(state: KeptState | undefined): readonly number[] {
  return state?.roots ?? [1]
}

/** How often the region's rows say that roots and tokens had changed; 0 where there are no rows, or none say. */
function revisionOfRows(data: string, region: string): number {
  const file = join(data, 'regions', `${region}.db`)
  if (!existsSync(file)) return 0
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    const table = database.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'hsm_state'").get()
    return table === undefined ? 0 : Number(database.prepare('SELECT revision FROM hsm_state').get()?.['revision'] ?? 0)
  } finally {
    database.close()
  }
}
