import type { JsonObject } from '../canonicalJson.ts'
import { MemoryState } from '../hsm/software/hsmState.ts'
import { openSoftwareHsm } from '../hsm/software/softwareHsm.ts'
import { realm } from '../ocid.ts'
import type { Clock, Item, Tables } from '../ports.ts'
import { KmsHsm } from './kms/kmsHsm.ts'
import type { WrapCursor } from './kms/vaultPage.ts'
import type { KekPorts } from './kms/wrappedKeks.ts'
import { rewrapStoredKeys } from './kms/wrapStoredKeys.ts'
import { hsmPk, readHsmState, writeHsmState, type StatePorts } from './hsmStateRow.ts'

interface Ports extends StatePorts {
  readonly tables: Tables
  readonly keks: KekPorts
  readonly homeRegion: string
  readonly clock: Clock
}

export interface RewrapProgress {
  /** How many vaults' KEKs are under the current key since this pass began, in calls before this one too. */
  readonly rewrapped: number
  readonly isDone: boolean
}

/** A pass that is under way, beside the HSM's state: whoever asks next goes on with it. */
interface PassRow extends Item {
  readonly rewrapped: number
  readonly tenancyId: string
  readonly next: (WrapCursor & JsonObject) | null
}

const passSk = 'rewrap'

/**
 * Wraps anew what AWS KMS wraps, a page of vaults a call: after a rotation of the KMS keys nothing is left that needs their
 * former material. The plaintexts stay in KMS. A pass that broke off goes on; one that is done begins anew.
 */
export async function rewrapKeys(ports: Ports): Promise<RewrapProgress> {
  const { tables, region } = ports
  const kept = await readHsmState(ports)
  if (kept === undefined || kept === 'unchanged') return { rewrapped: 0, isDone: true }
  const tenancyIds = Object.keys(kept.state.tenancies).sort()
  const pass = (await tables.get('Replication', hsmPk, passSk)) as PassRow | undefined
  // Where somebody provisions meanwhile, the state is under the current key by that.
  if (pass === undefined) await writeHsmState(ports, { ...kept, revision: kept.revision + 1 })
  const tenancyId = tenancyIds.find((id) => id >= (pass?.tenancyId ?? ''))
  if (tenancyId === undefined) return end(ports, pass?.rewrapped ?? 0)
  const hsm = new KmsHsm(openSoftwareHsm({ region, realm, store: new MemoryState(kept.state) }), ports.keks)
  const from = pass?.tenancyId === tenancyId ? (pass.next ?? undefined) : undefined
  const { wrapped, next } = await rewrapStoredKeys({ ...ports, hsm }, tenancyId, from)
  const rewrapped = (pass?.rewrapped ?? 0) + wrapped
  const following = next === undefined ? tenancyIds.find((id) => id > tenancyId) : tenancyId
  if (following === undefined) return end(ports, rewrapped)
  const row: PassRow = {
    pk: hsmPk,
    sk: passSk,
    rewrapped,
    tenancyId: following,
    next: next === undefined ? null : { ...next },
  }
  await tables.write([{ op: 'put', table: 'Replication', item: row }])
  return { rewrapped, isDone: false }
}

async function end({ tables }: Ports, rewrapped: number): Promise<RewrapProgress> {
  await tables.write([{ op: 'delete', table: 'Replication', pk: hsmPk, sk: passSk }])
  return { rewrapped, isDone: true }
}
