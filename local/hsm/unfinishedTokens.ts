import { join } from 'node:path'
import * as v from 'valibot'
import { UserError } from '../../lib/userError.ts'
import { note, notedIn } from './notedIn.ts'

/**
 * Tokens that a command is making. Each stands here, durably, from before C_InitToken until it has been proven, so that whatever a
 * kill leaves in one is known to be nobody's and is made anew, where no tenancy and no vault has anything in it.
 */
const schema = v.strictObject({
  format: v.literal('vaultspan/unfinished-tokens/1'),
  /** Their labels. */
  tokens: v.array(v.string()),
})

function fileIn(data: string): string {
  return join(data, 'hsm', 'unfinished-tokens.json')
}

/** @throws UserError */
export function unfinishedTokens(data: string): readonly string[] {
  return notedIn(fileIn(data), schema)?.tokens ?? []
}

/** Durable when it returns. */
export function noteToken(data: string, label: string): void {
  put(data, [...new Set([...unfinishedTokens(data), label])])
}

export function forgetToken(data: string, label: string): void {
  const noted = unfinishedTokens(data)
  if (!noted.includes(label)) return
  put(
    data,
    noted.filter((each) => each !== label),
  )
}

function put(data: string, tokens: readonly string[]): void {
  const isEmpty = tokens.length === 0
  note(fileIn(data), isEmpty ? undefined : { format: schema.entries.format.literal, tokens })
}

/** What whoever would use such a token is told; undefined where it is none. @throws UserError */
export function cutOffToken(data: string, label: string): string | undefined {
  if (!unfinishedTokens(data).includes(label)) return undefined
  return `The token ${label} is half made: hsm init was cut off while it made it. Run the same hsm init again; it makes it anew.`
}

/** @throws UserError */
export function requireMade(data: string, label: string): void {
  const says = cutOffToken(data, label)
  if (says !== undefined) throw new UserError(says)
}
