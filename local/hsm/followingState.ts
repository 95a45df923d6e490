import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type * as v from 'valibot'
import { UserError } from '../../lib/userError.ts'
import type { backedUpSchema } from './backupRegion.ts'
import { keptState, lackedRoot, lackedToken, type KeptState } from './keptState.ts'

interface Following {
  readonly data: string
  readonly region: string
  /** PEM, that the ceremony knew. */
  readonly identity: string
}

/**
 * What the region would start from after a restore, the state that is there or else the backup's, stands on what the backup has
 * and is no older than the rows. @throws UserError, before anything is made
 */
export function requireFollowing(
  { data, region, identity }: Following,
  { state, tokens }: v.InferOutput<typeof backedUpSchema>,
): void {
  const place = join(data, 'hsm', `${region}.json`)
  const text = existsSync(place) ? readFileSync(place, 'utf8') : undefined
  if (text !== undefined && text !== state) requireSameRoots(place, { region, identity }, text, { state, tokens })
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
  const token = lackedToken(kept, tokens)
  if (token !== undefined)
    throw new UserError(
      `The backup is older than the token "${token}", which a private vault has: take a newer backup. Nothing was changed.`,
    )
  const [known, revision] = [revisionOfRows(data, region), kept.revision ?? 0]
  if (revision >= known) return
  throw new UserError(
    `The rows of ${region} know of change ${known} of its roots and tokens, and ${text === undefined ? 'the backup' : place} has change ${revision}: take a newer backup, or put back the rows of that time with it. Nothing was changed.`,
  )
}

/** The region's state that is there already stays, where what is in the backup is what it stands on. @throws UserError */
function requireSameRoots(
  place: string,
  { region, identity }: Pick<Following, 'region' | 'identity'>,
  text: string,
  { state, tokens }: v.InferOutput<typeof backedUpSchema>,
): void {
  const there = keptState(text)
  if (tokens.length === 0 || there?.format.startsWith('vaultspan/pkcs11-hsm/') !== true)
    throw new UserError(
      `${place} is there, and is not what the backup has. Put it aside where the backup's is meant. Nothing was changed.`,
    )
  const foreign = Object.values(there.tenancies).some(({ statement }) => statement.publicKey !== identity)
  if (foreign) throw new UserError(`${place} is another tenancy's region ${region}. Nothing was changed.`)
  const [own, newest] = [newestRoot(there), newestRoot(keptState(state))]
  if (newest === own) return
  throw new UserError(
    `The root of ${region} was rotated since this backup (it has root ${newest}, the rows are under ${own}): take a newer backup, or put back the rows of that time with it. Nothing was changed.`,
  )
}

function newestRoot(state: KeptState | undefined): number {
  return state?.roots?.[0] ?? 1
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
