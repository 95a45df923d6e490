import { isKmsError } from '../errors.ts'
import { keySk } from '../kms/rows/rows.ts'
import { absentKeyId, absentVaultId } from '../kms/standIns.ts'
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
    if (!looked.vault.missed) await ports.cache.freshVault(absentVaultId)
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

async function readSomeVault({ cache }: HttpPorts): Promise<void> {
  try {
    const vault = await cache.freshVault(cache.standIns.vaultId)
    if (vault === undefined || vault.row.lifecycleState === 'DELETED') cache.standIns.forgetVault()
  } catch {
    // Whoever asks for that vault itself is told; this one did not.
    cache.standIns.forgetVault()
  }
}

async function readSomeKey(ports: HttpPorts): Promise<void> {
  const { cache } = ports
  const standIn = cache.standIns.key
  if (standIn === undefined) return missKey(ports)
  try {
    const key = await cache.freshKey(standIn.keys, standIn.id)
    if (key === undefined || key.lifecycleState === 'DELETED') cache.standIns.forgetKey()
  } catch {
    cache.standIns.forgetKey()
  }
}

async function missKey({ tables }: HttpPorts): Promise<void> {
  await tables.get('Keys', absentKeyId, keySk)
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
