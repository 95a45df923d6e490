import { isKmsError } from '../errors.ts'
import { keySk, type KeyRow } from '../kms/rows/rows.ts'
import { absentKeyId, absentVaultId } from '../kms/standIns.ts'
import type { Vault } from '../kms/vaultCache.ts'
import { vaultPermissions } from './authorize.ts'
import { judgeForNothing } from './forbidden.ts'
import type { HttpPorts } from './httpPorts.ts'
import type { Answer, Operation, Request } from './operation.ts'
import { operations } from './operations.ts'

/**
 * What is not there and what is forbidden take the same work: before either is refused, one row of each kind was read that is
 * there and one that is not, and policies have refused something. What an operation has not done of it, because it stopped
 * before, is done here on what stands in.
 */
export async function evenOut(request: Request, refusal: unknown): Promise<void> {
  if (!isKmsError(refusal, 'notAuthorizedOrNotFound')) return
  const { looked, ports } = request
  const kinds = kindsOf(request)
  if (kinds.includes('vault')) {
    if (!looked.vault.found) await readSomeVault(ports)
    if (!looked.vault.missed) await missVault(ports)
  }
  if (kinds.includes('key')) {
    if (!looked.key.found) await readSomeKey(ports)
    if (!looked.key.missed) await missKey(ports)
  }
  if (isNamed(request)) await ports.vaultNames?.findNone()
  if (!looked.isJudged) judgeForNothing(request, vaultPermissions(request))
}

/** The function that lists vaults may not read keys, and that of identity reads neither but to explain. */
function kindsOf({ operation, query }: Request): readonly ('vault' | 'key')[] {
  const { plane, serves } = operations[operation]
  if (plane === 'vault') return ['vault', 'key']
  if (serves === 'identity') return 'keyId' in query || 'vaultId' in query ? ['vault', 'key'] : []
  return serves === 'audit' ? [] : ['vault']
}

/** A name that leads to a vault is remembered; one that leads to none is looked for each time. */
function isNamed({ vaultId, headers, ports }: Request): boolean {
  return vaultId !== '' && vaultId !== absentVaultId && ports.vaultNames?.has(headers['host'] ?? '') === true
}

async function readSomeVault(ports: HttpPorts): Promise<void> {
  const { standIns } = ports.cache
  const vault = await readVault(ports, standIns.vaultId)
  if (vault === undefined || vault.row.lifecycleState === 'DELETED') standIns.forgetVault()
}

async function missVault(ports: HttpPorts): Promise<void> {
  await readVault(ports, absentVaultId)
}

/** Whoever asks for that vault itself is told what is wrong with it; this one did not. */
async function readVault({ cache }: HttpPorts, vaultId: string): Promise<Vault | undefined> {
  try {
    return await cache.freshVault(vaultId)
  } catch {
    return undefined
  }
}

async function readSomeKey(ports: HttpPorts): Promise<void> {
  const { standIns } = ports.cache
  const key = await readKey(ports, standIns.key?.id ?? absentKeyId)
  if (key === undefined || key.lifecycleState === 'DELETED') standIns.forgetKey()
}

async function missKey(ports: HttpPorts): Promise<void> {
  await readKey(ports, absentKeyId)
}

async function readKey({ cache, tables }: HttpPorts, keyId: string): Promise<KeyRow | undefined> {
  try {
    const keys = cache.standIns.key?.keys
    if (keys !== undefined) return await cache.freshKey(keys, keyId)
    await tables.get('Keys', absentKeyId, keySk)
  } catch {
    // As with vaults.
  }
  return undefined
}

/** Runs an operation, and evens out its refusal. */
export async function runEvenly<P extends HttpPorts>(
  operation: Operation<P>,
  request: Request<P>,
  input: unknown,
): Promise<Answer> {
  try {
    return await operation.run(request, input)
  } catch (refusal) {
    await evenOut(request, refusal)
    throw refusal
  }
}
