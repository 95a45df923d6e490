import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { parseJson } from '../../lib/parseJson.ts'
import { UserError } from '../../lib/userError.ts'
import { keptState } from './keptState.ts'
import { recoveryOf } from './recoveryFile.ts'
import { isCeremonyOpen, unfinishedSays } from './unfinishedCeremonies.ts'
import { cutOffRestore } from './unfinishedRestores.ts'

const stateSchema = v.looseObject({ format: v.string() })

/** Undefined: there is none. A damaged one is a token's: nothing new is made beside it. */
function isTokensState(file: string): boolean | undefined {
  if (!existsSync(file)) return undefined
  try {
    return !v.parse(stateSchema, parseJson(readFileSync(file, 'utf8'))).format.startsWith('vaultspan/simulated-hsm/')
  } catch {
    return true
  }
}

/** Which file says that this region had its roots in a token already; undefined: none does, and hsm init may make it. */
function witnessOf(data: string, region: string): string | undefined {
  const file = join(data, 'hsm', `${region}.json`)
  const isTokens = isTokensState(file)
  if (isTokens !== undefined) return isTokens ? file : undefined
  const identities = recoveryOf(data)?.identities ?? {}
  return Object.hasOwn(identities, region) ? join(data, 'hsm', 'recovery.json') : undefined
}

/** What whoever does not find the region's token is to do. */
export function remedyFor(data: string, region: string): string {
  const cutOff = cutOffRestore(data, region)
  if (cutOff !== undefined) return cutOff
  const witness = witnessOf(data, region)
  if (witness !== undefined) return lost(data, region, witness)
  return isCeremonyOpen(data) ? unfinishedSays : 'Make it with hsm init.'
}

export function wasMade(data: string, region: string): boolean {
  return witnessOf(data, region) !== undefined
}

/** New roots would open nothing of what is there, and stand in the way of those that do. @throws UserError */
export function requireNeverMade(
  data: string,
  region: string,
  label: string,
  says = `No token has the label ${label}.`,
): void {
  const witness = witnessOf(data, region)
  if (witness !== undefined) throw new UserError(`${says} ${lost(data, region, witness)} Nothing was made.`)
}

function lost(data: string, region: string, witness: string): string {
  return `It was there once (${witness}), so hsm init does not make it: check PKCS11_MODULE and PKCS11_LABEL; where it is lost, ${wayBack(data, region)}.`
}

/** No backup is made before the first start, nor of a region that the custodians' ceremony did not know. */
function wayBack(data: string, region: string): string {
  if (!wasStarted(data, region))
    return 'nothing is lost with it, and there is no backup of it, for the region was never started here: make new tokens, in a --data of their own (with the machine lost too, put its snapshot back first)'
  if (isStranger(data, region))
    return 'its vendor’s backup brings it back; this cloud’s custodians cannot, for the region was not in their ceremony'
  return "hsm restore brings it back with the custodians' shares, or its vendor's backup does"
}

/** A state that cannot be read stands for one that was. */
function wasStarted(data: string, region: string): boolean {
  const file = join(data, 'hsm', `${region}.json`)
  if (!existsSync(file)) return existsSync(join(data, 'regions', `${region}.db`))
  const kept = keptState(readFileSync(file, 'utf8'))
  return kept === undefined || Object.keys(kept.tenancies).length > 0
}

/** Of custodians whose file is gone or damaged nothing is said: a backup has a copy of it. */
function isStranger(data: string, region: string): boolean {
  try {
    const recovery = recoveryOf(data)
    return recovery !== undefined && !Object.hasOwn(recovery.identities, region)
  } catch (cause) {
    if (cause instanceof UserError) return false
    throw cause
  }
}
