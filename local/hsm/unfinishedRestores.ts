import { join } from 'node:path'
import * as v from 'valibot'
import { UserError } from '../../lib/userError.ts'
import { note, notedIn } from './notedIn.ts'

/**
 * Restores of a region's tokens that began and did not end. Each stands here, durably, before its first token is made: what such a
 * token lacks is in the backup, and new roots in it would stand in the way of that.
 */
const schema = v.strictObject({
  format: v.literal('vaultspan/unfinished-restores/1'),
  /** By region; `at`: when the backup was taken. */
  restores: v.record(v.string(), v.strictObject({ at: v.string() })),
})

type Restores = v.InferOutput<typeof schema>['restores']

function fileIn(data: string): string {
  return join(data, 'hsm', 'unfinished-restores.json')
}

/** @throws UserError */
function restoresIn(data: string): Restores {
  return notedIn(fileIn(data), schema)?.restores ?? {}
}

/** Durable when it returns. False where one was noted before, whose mark stays. */
export function noteRestore(data: string, region: string, at: string): boolean {
  const restores = restoresIn(data)
  put(data, { ...restores, [region]: { at } })
  return !Object.hasOwn(restores, region)
}

export function forgetRestore(data: string, region: string): void {
  const { [region]: _, ...others } = restoresIn(data)
  put(data, others)
}

function put(data: string, restores: Restores): void {
  const isEmpty = Object.keys(restores).length === 0
  note(fileIn(data), isEmpty ? undefined : { format: schema.entries.format.literal, restores })
}

/** What whoever would use the region's tokens is told; undefined where no restore of it was cut off. @throws UserError */
export function cutOffRestore(data: string, region: string): string | undefined {
  const noted = restoresIn(data)[region]
  if (noted === undefined) return undefined
  return `A restore of ${region} was cut off: run hsm restore again, from the backup of ${noted.at} or a newer one; it goes on. Where its tokens came back otherwise (its vendor’s backup), remove ${fileIn(data)}.`
}

/** @throws UserError */
export function requireNoneCutOff(data: string, region: string): void {
  const says = cutOffRestore(data, region)
  if (says !== undefined) throw new UserError(`${says} Nothing was made.`)
}
