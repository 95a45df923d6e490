import type { VaultContext, WrappedVaultKeys } from '../../hsm/hsm.ts'
import { KmsError } from '../../errors.ts'
import type { KmsPorts } from '../kmsPorts.ts'
import { realm } from '../../ocid.ts'
import { storingKeys } from '../vaults/storingKeys.ts'
import type { Item, Write } from '../../ports.ts'

/**
 * The keys under which a tenancy's vaults are saved: a triple like a vault's own. They are made in the home region and
 * cross to every other as a vault's keys do, so that a backup opens anywhere in the tenancy.
 */
export interface BackupKeys {
  readonly context: VaultContext
  readonly wrapped: WrappedVaultKeys
}

type Ports = Pick<KmsPorts, 'tables' | 'hsm' | 'region' | 'homeRegion'>

export function backupContext(tenancyId: string): VaultContext {
  return { realm, tenancyId, vaultId: `backup.${tenancyId}`, isPrivate: true }
}

const backupKeysSk = 'backupKeys'

function rowKey(tenancyId: string): { pk: string; sk: string } {
  return { pk: `backup#${tenancyId}`, sk: backupKeysSk }
}

/** As this region has them; undefined where they have not arrived or were never needed. */
export async function storedBackupKeys(
  { tables }: Pick<Ports, 'tables'>,
  tenancyId: string,
): Promise<BackupKeys | undefined> {
  const { pk, sk } = rowKey(tenancyId)
  const stored = await tables.get('Vaults', pk, sk)
  if (stored === undefined) return undefined
  return { context: backupContext(tenancyId), wrapped: stored['wrapped'] as unknown as WrappedVaultKeys }
}

/** Holds while they are not here. */
export function noBackupKeys(tenancyId: string): Write {
  return { op: 'check', table: 'Vaults', ...rowKey(tenancyId), condition: { kind: 'absent' } }
}

export function backupKeysWrite(tenancyId: string, wrapped: WrappedVaultKeys): Write {
  return { op: 'put', table: 'Vaults', item: backupKeysRow(tenancyId, wrapped), condition: { kind: 'absent' } }
}

export function backupKeysRow(tenancyId: string, wrapped: WrappedVaultKeys): Item {
  return { ...rowKey(tenancyId), wrapped: { ...wrapped } }
}

export function onTheirWay(homeRegion: string): KmsError {
  return new KmsError(
    'incorrectState',
    `The tenancy's backup keys are on their way from the home region, ${homeRegion}; try again.`,
  )
}

/** In the home region, made where there are none yet. @throws KmsError incorrectState elsewhere, while they are on their way. */
export async function backupKeys(ports: Ports, tenancyId: string): Promise<BackupKeys> {
  const stored = await storedBackupKeys(ports, tenancyId)
  if (stored !== undefined) return stored
  if (ports.region !== ports.homeRegion) throw onTheirWay(ports.homeRegion)
  await storingKeys(ports.hsm, async () =>
    ports.tables.write([backupKeysWrite(tenancyId, await ports.hsm.createVaultKeys(backupContext(tenancyId)))]),
  )
  return backupKeys(ports, tenancyId)
}
