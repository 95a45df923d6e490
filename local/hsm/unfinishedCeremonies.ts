import { existsSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as v from 'valibot'
import { writeFileDurably } from '../../lib/durableFile.ts'
import { recoveryKeyIn } from '../../lib/hsm/pkcs11/recoverable.ts'
import { partitionToken } from '../../lib/hsm/pkcs11/regionToken.ts'
import type { TokenOptions } from '../../lib/hsm/pkcs11/tokenOptions.ts'
import { publicKeyPem } from '../../lib/hsm/primitives/p384.ts'
import { parseJson } from '../../lib/parseJson.ts'
import { UserError } from '../../lib/userError.ts'
import { makeFolder } from '../makeFolder.ts'
import { recoveryOf } from './recoveryFile.ts'

/**
 * Ceremonies that began and did not end: nobody has the root of their keys. Each stands here, durably, before the first token is
 * bound to its key, so that a later hsm init knows which tokens and shares nobody needs, and makes the tokens anew.
 */
const schema = v.strictObject({
  format: v.literal('vaultspan/unfinished-ceremonies/1'),
  ceremonies: v.array(v.strictObject({ ceremony: v.string(), publicKey: v.string() })),
})

export type UnfinishedCeremony = v.InferOutput<typeof schema>['ceremonies'][number]

function fileIn(data: string): string {
  return join(data, 'hsm', 'unfinished-ceremonies.json')
}

/** @throws UserError */
export function unfinishedCeremonies(data: string): readonly UnfinishedCeremony[] {
  const file = fileIn(data)
  if (!existsSync(file)) return []
  let content: unknown
  try {
    content = parseJson(readFileSync(file, 'utf8'))
  } catch {
    content = undefined
  }
  const parsed = v.safeParse(schema, content)
  if (!parsed.success) throw new UserError(`${file} is damaged, or of another version.`)
  // One whose file is there has ended, whatever came next.
  const ended = recoveryOf(data)?.ceremony
  return parsed.output.ceremonies.filter(({ ceremony }) => ceremony !== ended)
}

/** Durable when it returns. */
export function noteCeremony(data: string, { ceremony, publicKey }: UnfinishedCeremony): void {
  put(data, [...unfinishedCeremonies(data), { ceremony, publicKey }])
}

export function forgetCeremony(data: string, ended: string): void {
  put(
    data,
    unfinishedCeremonies(data).filter(({ ceremony }) => ceremony !== ended),
  )
}

function put(data: string, ceremonies: readonly UnfinishedCeremony[]): void {
  const file = fileIn(data)
  if (ceremonies.length === 0) {
    rmSync(file, { force: true })
    return
  }
  makeFolder(dirname(file))
  writeFileDurably(file, JSON.stringify({ format: schema.entries.format.literal, ceremonies }), { mode: 0o600 })
}

/** A region is not begun in a token that nobody could ever bring back. @throws UserError */
export function requireFinished(data: string, region: string, token: TokenOptions): void {
  const unfinished = unfinishedCeremonies(data)
  if (unfinished.length === 0 || existsSync(join(data, 'hsm', `${region}.json`))) return
  const own = partitionToken(token).bare((session) => recoveryKeyIn(session))
  const pem = own === undefined ? undefined : publicKeyPem(own)
  if (!unfinished.some(({ publicKey }) => publicKey === pem)) return
  throw new UserError(
    `The ceremony that made the token ${token.label} did not end, and nobody has its shares: hsm init, with custodians or without, makes it anew.`,
  )
}

/** Whether this is a share, or the transcript, of one of them. */
export function isLeftover(file: string, unfinished: readonly UnfinishedCeremony[]): boolean {
  if (unfinished.length === 0) return false
  try {
    const { ceremony } = v.parse(v.looseObject({ ceremony: v.string() }), parseJson(readFileSync(file, 'utf8')))
    return unfinished.some((each) => each.ceremony === ceremony)
  } catch {
    return false
  }
}
