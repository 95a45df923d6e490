import { KmsError } from '../../errors.ts'
import { finishChange } from '../handOffChange.ts'
import type { KmsPorts } from '../kmsPorts.ts'
import { requireVaultState } from '../rows/lifecycle.ts'
import { putOver } from '../mutation.ts'
import { untilCommitted } from '../untilCommitted.ts'
import { newMaterialId } from '../../ocid.ts'
import { wrappingKeySk, type WrappingKeyRow } from '../rows/rows.ts'
import { verifiedRow, wrappingKeyWithMac } from '../rows/rowMac.ts'
import type { Vault } from '../vaultCache.ts'
import { nextVault } from './vaults.ts'

type Ports = Pick<KmsPorts, 'tables' | 'cache' | 'handOff' | 'clock' | 'timers' | 'random' | 'region'>

/** The vault's wrapping key as stored; undefined where its material is not made yet. */
export async function storedWrappingKey(
  { tables }: Pick<Ports, 'tables'>,
  { row, keys }: Vault,
): Promise<WrappingKeyRow | undefined> {
  const stored = await tables.get('Vaults', row.id, wrappingKeySk)
  if (stored === undefined) return undefined
  const wrapping = verifiedRow<WrappingKeyRow>(keys, 'vaultspan/wrapping-key-row/1', stored)
  if (wrapping.vaultId === row.id && wrapping.id === row.wrappingKeyId) return wrapping
  throw new KmsError('integrityFailure', `The wrapping key of ${row.id} belongs elsewhere.`)
}

/** Several requests at once wait for the same pair. */
const underWay = new WeakMap<Ports['tables'], Map<string, Promise<WrappingKeyRow>>>()

/**
 * The vault's wrapping key, made now where nobody has made it: an RSA-4096 pair takes about a second. It moves the
 * vault's revision, so that it reaches the replica as the vault's row does.
 */
export async function wrappingKey(ports: Ports, loaded: Vault): Promise<WrappingKeyRow> {
  const stored = await storedWrappingKey(ports, loaded)
  if (stored !== undefined) return stored
  requireVaultState('GetWrappingKey', loaded.row)
  if (loaded.row.primaryRegion !== ports.region) {
    throw new KmsError(
      'incorrectState',
      `The wrapping key is still being made in the vault's primary region, ${loaded.row.primaryRegion}; try again.`,
    )
  }
  const making = underWay.get(ports.tables) ?? new Map<string, Promise<WrappingKeyRow>>()
  underWay.set(ports.tables, making)
  const { id } = loaded.row
  const work =
    making.get(id) ??
    make(ports, loaded).finally(() => {
      making.delete(id)
    })
  making.set(id, work)
  return work
}

async function make(ports: Ports, loaded: Vault): Promise<WrappingKeyRow> {
  const materialId = newMaterialId(ports.random)
  const { wrappingKeyId: keyId } = loaded.row
  const wrapped = await loaded.keys.generateWrappingKey({ keyId, materialId })
  return untilCommitted(ports, async () => {
    const vault = await ports.cache.freshVault(loaded.row.id)
    if (vault === undefined) throw new KmsError('incorrectState', 'The vault is gone.')
    const earlier = await storedWrappingKey(ports, vault)
    if (earlier !== undefined) return earlier
    requireVaultState('GetWrappingKey', vault.row)
    const next = nextVault(ports, vault, {})
    const { epoch, revision, committedAt } = next
    const row = wrappingKeyWithMac(vault.keys, {
      format: 'vaultspan/wrapping-key-row/1',
      pk: next.id,
      sk: wrappingKeySk,
      id: keyId,
      vaultId: next.id,
      materialId,
      lifecycleState: 'ENABLED',
      timeCreated: next.timeCreated,
      wrapped: { ...wrapped },
      epoch,
      revision,
      committedAt,
      etag: materialId.padEnd(40, '0'),
      request: null,
    })
    const outcome = await ports.tables.write([putOver('Vaults', next, vault.row), putOver('Vaults', row, undefined)])
    if (!outcome.ok) return undefined
    await finishChange(ports, { vault: { row: next, keys: vault.keys } })
    return row
  })
}
