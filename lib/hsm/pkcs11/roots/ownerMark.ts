import * as v from 'valibot'
import { parseJson } from '../../../parseJson.ts'
import { UserError } from '../../../userError.ts'
import { CKA, CKO } from '../library/constants.ts'
import { createMark, labelled } from './regionObjects.ts'
import type { Handle, Session } from '../token/session.ts'
import { markIn } from './vaultMarker.ts'

/**
 * In each token stands which data directory it is of: two that share tokens destroy each other's keys, each by what its own
 * rows say. It has no MAC: whoever can write it has the PIN, and it holds against a mistake.
 */
export interface TokenOwner {
  /** Of this very directory: a copy that is restored gets another. Empty: it has marked no token yet. */
  readonly id: string
  /** Its real one, so that a copied directory is not taken for the one that it was copied from. */
  readonly path: string
  /** Whether tokens that name nobody are taken for its own: those of an older version, but not by what came out of a snapshot. */
  readonly adopts: boolean
  /** What to type to be given another's tokens. */
  readonly howToTake: string
  /** Before the first mark: from then on the directory knows its id. Durable when it returns. */
  readonly keep: () => void
}

const label = 'vaultspan owner'
const markSchema = v.object({ id: v.string(), path: v.string() })

type Mark = v.InferOutput<typeof markSchema>

/** @throws UserError where somebody else's mark is in it. */
export function requireOwner(session: Session, token: string, owner: TokenOwner): 'own' | 'unmarked' {
  const says = ownerIn(session)
  if (says === undefined) {
    if (owner.adopts) return 'unmarked'
    throw new UserError(
      `The token ${token} may be of the directory that ${owner.path} was restored from. ${sharing(owner)}`,
    )
  }
  if (says.id === owner.id && says.path === owner.path) return 'own'
  const whose =
    says.path === owner.path
      ? `the data directory that was at ${says.path} before`
      : `the data directory ${says.path}, not of ${owner.path}`
  throw new UserError(`The token ${token} is of ${whose}. ${sharing(owner)}`)
}

function sharing({ howToTake }: TokenOwner): string {
  return `Two directories that use the same tokens destroy each other's keys. Where the other one will never be started again, and is no mount that is missing: ${howToTake}. To try a snapshot beside it, see docs/back-up.md. Nothing was changed.`
}

/** For a cloud in memory, which keeps no tokens. @throws UserError where the token is a directory's. */
export function requireNoOwner(session: Session, token: string): void {
  const says = ownerIn(session)
  if (says === undefined) return
  throw new UserError(`The token ${token} is of the data directory ${says.path}: a cloud in memory takes others.`)
}

/** In the place of whatever mark is there. */
export function markOwner(session: Session, owner: TokenOwner): void {
  if (!session.vendor.keepsData) return
  owner.keep()
  const { id, path } = owner
  for (const object of ownerMarks(session)) session.remove(object)
  createMark(session, label, JSON.stringify({ id, path } satisfies Mark))
}

/** Again, it does nothing. @throws as requireOwner */
export function markIfUnmarked(session: Session, token: string, owner: TokenOwner): void {
  if (requireOwner(session, token, owner) === 'unmarked') markOwner(session, owner)
}

export function ownerMarks(session: Session): readonly Handle[] {
  return session.find(labelled(CKO.DATA, label))
}

/** The directory that it names. */
export function ownerPathIn(session: Session): string | undefined {
  return ownerIn(session)?.path
}

function ownerIn(session: Session): Mark | undefined {
  const [found] = ownerMarks(session)
  if (found === undefined) return undefined
  try {
    return v.parse(markSchema, parseJson(String(session.attributes(found, CKA.VALUE)[0])))
  } catch {
    return { id: 'damaged', path: 'that its mark, which is damaged, does not name' }
  }
}

/** Whoever begins a region's state anew would leave for nobody what its tokens keep. @throws UserError */
export function requireVaultless(session: Session, token: string): void {
  if (markIn(session) === undefined) return
  throw new UserError(`The token ${token} has the keys of a private vault, and ${begunAnew}`)
}

/** Of a region's token that names no owner. @throws UserError */
export function requireTenancyless(session: Session, token: string, rootPrefix: string): void {
  const keys = session.find([[CKA.CLASS, CKO.PRIVATE_KEY]], 256)
  if (!keys.some((key) => String(session.attributes(key, CKA.LABEL)[0]).startsWith(rootPrefix))) return
  throw new UserError(`The token ${token} has the root of a tenancy, and ${begunAnew}`)
}

const begunAnew =
  'there is no state of its region here (hsm/REGION.json): its data directory is not mounted, is another one, or is lost. Mount it or name it by --data, or restore its snapshot first; for a new cloud take other tokens, by another PKCS11_LABEL and hsm init. Nothing was changed.'
