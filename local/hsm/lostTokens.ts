import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import * as v from 'valibot'
import { parseJson } from '../../lib/parseJson.ts'
import { UserError } from '../../lib/userError.ts'
import { recoveryOf } from './recoveryFile.ts'

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
  const witness = witnessOf(data, region)
  return witness === undefined ? 'Make it with hsm init.' : lost(witness)
}

export function wasMade(data: string, region: string): boolean {
  return witnessOf(data, region) !== undefined
}

/** New roots would open nothing of what is there, and stand in the way of those that do. @throws UserError */
export function requireNeverMade(data: string, region: string, label: string): void {
  const witness = witnessOf(data, region)
  if (witness !== undefined) throw new UserError(`No token has the label ${label}. ${lost(witness)} Nothing was made.`)
}

function lost(witness: string): string {
  return `It was there once (${witness}), so hsm init does not make it: check PKCS11_MODULE and PKCS11_LABEL; where it is lost, hsm restore brings it back with the custodians' shares, or its vendor's backup does${basename(witness) === 'recovery.json' ? '; where the region was never started, take a --data of its own' : ''}.`
}
