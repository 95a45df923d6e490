import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as v from 'valibot'
import { recoveryKeyIn } from '../../lib/hsm/pkcs11/roots/recoverable.ts'
import { partitionToken } from '../../lib/hsm/pkcs11/roots/regionToken.ts'
import type { TokenOptions } from '../../lib/hsm/pkcs11/roots/tokenOptions.ts'
import { publicKeyPem } from '../../lib/hsm/primitives/p384.ts'
import { parseJson } from '../../lib/parseJson.ts'
import { UserError } from '../../lib/userError.ts'
import { note, notedIn } from './notedIn.ts'
import { recoveryOf } from './recoveryFile.ts'

/**
 * Ceremonies that began and did not end: nobody has the root of their keys. Each stands here, durably, before the first token is
 * bound to its key, so that a later hsm init knows which tokens and shares nobody needs, and makes the tokens anew.
 */
const schema = v.strictObject({
  format: v.literal('vaultspan/unfinished-ceremonies/1'),
  ceremonies: v.array(
    v.strictObject({
      ceremony: v.string(),
      publicKey: v.string(),
      /** Where its shares were written. */
      shareFiles: v.optional(v.array(v.string())),
      /** Somebody has said that it is not held again. */
      isGivenUp: v.optional(v.literal(true)),
    }),
  ),
})

export type UnfinishedCeremony = v.InferOutput<typeof schema>['ceremonies'][number]

function fileIn(data: string): string {
  return join(data, 'hsm', 'unfinished-ceremonies.json')
}

/** @throws UserError */
export function unfinishedCeremonies(data: string): readonly UnfinishedCeremony[] {
  // One whose file is there has ended, whatever came next.
  const ended = recoveryOf(data)?.ceremony
  return ceremoniesIn(data).filter(({ ceremony }) => ceremony !== ended)
}

function ceremoniesIn(data: string): readonly UnfinishedCeremony[] {
  return notedIn(fileIn(data), schema)?.ceremonies ?? []
}

/** Durable when it returns. */
export function noteCeremony(data: string, begun: UnfinishedCeremony): void {
  put(data, [...unfinishedCeremonies(data), begun])
}

/** What a kill has left of one that has ended. */
export function tidyCeremonies(data: string): void {
  const unfinished = unfinishedCeremonies(data)
  if (unfinished.length < ceremoniesIn(data).length) put(data, unfinished)
}

/** One that nobody has given up. */
export function isCeremonyOpen(data: string): boolean {
  if (recoveryOf(data) !== undefined) return false
  return unfinishedCeremonies(data).some(({ isGivenUp }) => isGivenUp === undefined)
}

/** What whoever lacks a token of it is told. */
export const unfinishedSays =
  'A ceremony of custodians did not end here: hold it again (the same hsm init, with --custodian, --threshold and --transcript), or make the tokens without custodians (hsm init --no-custodians).'

/** A cloud gets no tokens without custodians by a command that was to go on with a ceremony. @throws UserError */
export function requireNoneUnfinished(data: string): void {
  if (!isCeremonyOpen(data)) return
  throw new UserError(
    `A ceremony of custodians did not end in ${data}: hold it again (the same command, with --custodian, --threshold and --transcript), or make the tokens without custodians (--no-custodians). Nothing was made.`,
  )
}

/** Those that did not end are not held again. Resolves with a line of each share that is worthless now. */
export function giveUpCeremonies(data: string): readonly string[] {
  const unfinished = unfinishedCeremonies(data)
  const open = unfinished.filter(({ isGivenUp }) => isGivenUp === undefined)
  if (open.length === 0 || recoveryOf(data) !== undefined) return []
  put(
    data,
    unfinished.map((each) => ({ ...each, isGivenUp: true as const })),
  )
  const left = open.flatMap(({ shareFiles = [] }) => shareFiles).filter((file) => mayBeLeft(file, open))
  const files = [...new Set(left)].map((file) => `  ${file}  is a share of it, and worthless: destroy it`)
  const ids = open.map(({ ceremony }) => ceremony).join(', ')
  return [`  the ceremony ${ids} is given up: no share of it opens anything`, ...files]
}

/** On a medium that is away there may be one. */
function mayBeLeft(file: string, unfinished: readonly UnfinishedCeremony[]): boolean {
  return !existsSync(dirname(file)) || isLeftover(file, unfinished)
}

export function forgetCeremony(data: string, ended: string): void {
  put(
    data,
    unfinishedCeremonies(data).filter(({ ceremony }) => ceremony !== ended),
  )
}

function put(data: string, ceremonies: readonly UnfinishedCeremony[]): void {
  const isEmpty = ceremonies.length === 0
  note(fileIn(data), isEmpty ? undefined : { format: schema.entries.format.literal, ceremonies })
}

/** A region is not begun in a token that nobody could ever bring back. @throws UserError */
export function requireFinished(data: string, region: string, token: TokenOptions): void {
  const unfinished = unfinishedCeremonies(data)
  if (unfinished.length === 0 || existsSync(join(data, 'hsm', `${region}.json`))) return
  const own = partitionToken(token).bare((session) => recoveryKeyIn(session))
  const pem = own === undefined ? undefined : publicKeyPem(own)
  if (!unfinished.some(({ publicKey }) => publicKey === pem)) return
  throw new UserError(
    `The ceremony that made the token ${token.label} did not end, and nobody has its shares: hold it again (hsm init with --custodian, the same command), or hsm init --no-custodians makes it anew.`,
  )
}

/** Whether this is a share, or the transcript, of one of them. */
export function isLeftover(file: string, unfinished: readonly Pick<UnfinishedCeremony, 'ceremony'>[]): boolean {
  if (unfinished.length === 0) return false
  try {
    const { ceremony } = v.parse(v.looseObject({ ceremony: v.string() }), parseJson(readFileSync(file, 'utf8')))
    return unfinished.some((each) => each.ceremony === ceremony)
  } catch {
    return false
  }
}
