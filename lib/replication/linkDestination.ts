import { realm } from '../kms/ocid.ts'
import type { TransferContext, TransportKey } from '../hsm/hsm.ts'
import { contentMark } from '../kms/compartmentContents.ts'
import { KmsError } from '../kms/errors.ts'
import type { JsonObject } from '../kms/canonicalJson.ts'
import type { Item } from '../kms/ports.ts'
import type { VaultRow } from '../kms/rows.ts'
import { openRow, vaultContext } from '../kms/seal.ts'
import { vaultKeysSk, type VaultKeysRow } from '../kms/vaultCache.ts'
import { prefixRow } from '../kms/vaults.ts'
import { wrappingKeyWrite } from './apply.ts'
import { sendOrStore } from './deliver.ts'
import type { BodyOf, Envelope } from './envelope.ts'
import { knownFence } from './fence.ts'
import type { ReplicationPorts } from './replicationPorts.ts'

/** What a region does when it is asked to hold a replica. Each message may come twice, late, or not at all. */

/** A transport key that waits for its bundle. The private part is wrapped under this HSM's root; deleting the row destroys it. */
interface TransportRow extends Item {
  readonly transport: TransportKey & JsonObject
}

function transportKey(vaultId: string, fence: number): { pk: string; sk: string } {
  return { pk: `transport#${vaultId}`, sk: String(fence).padStart(10, '0') }
}

type Standing = 'isDropped' | 'isAccepted' | 'waits' | 'isOpen'

/** How this region stands to a link that another region wants. */
async function standing(
  ports: ReplicationPorts,
  { source, tenancyId }: Envelope,
  vaultId: string,
  fence: number,
): Promise<Standing> {
  const known = await knownFence(ports.tables, vaultId)
  if (known !== undefined && fence < known) return 'isDropped'
  const row = (await ports.cache.freshVault(vaultId))?.row
  if (row === undefined) return 'isOpen'
  // A deleted vault that was restored: its new replica takes the place of the tombstone.
  if (row.lifecycleState === 'DELETED' && row.tenancyId === tenancyId && row.fence < fence) return 'isOpen'
  if (row.primaryRegion !== source || row.tenancyId !== tenancyId) {
    throw new KmsError('integrityFailure', `${source} does not write the vault ${vaultId}.`)
  }
  return row.fence >= fence ? 'isAccepted' : 'waits'
}

export async function onLinkRequest(
  ports: ReplicationPorts,
  envelope: Envelope,
  body: BodyOf<'linkRequest'>,
): Promise<'wait' | undefined> {
  const { vaultId, fence, context } = body
  requireContext(ports, envelope, vaultId, context)
  const state = await standing(ports, envelope, vaultId, fence)
  if (state === 'isAccepted') return accept(ports, envelope, vaultId, fence)
  if (state === 'waits') return 'wait'
  if (state === 'isDropped') return undefined
  const { pk, sk } = transportKey(vaultId, fence)
  const earlier = (await ports.tables.get('Replication', pk, sk)) as TransportRow | undefined
  let transport = earlier?.transport
  if (transport === undefined) {
    transport = { ...(await ports.hsm.createTransportKey(context)) } as TransportKey & JsonObject
    const item: TransportRow = { pk, sk, transport }
    const outcome = await ports.tables.write([{ op: 'put', table: 'Replication', item, condition: { kind: 'absent' } }])
    if (!outcome.ok) return onLinkRequest(ports, envelope, body)
  }
  const to = { region: envelope.source, queue: 'outcome', tenancyId: envelope.tenancyId } as const
  await sendOrStore(ports, to, { kind: 'linkOffer', vaultId, fence, offer: transport.offer })
  return undefined
}

function requireContext(
  { region }: ReplicationPorts,
  { source, tenancyId }: Envelope,
  vaultId: string,
  context: TransferContext,
): void {
  const isRight =
    context.realm === realm &&
    context.source === source &&
    context.destination === region &&
    context.tenancyId === tenancyId &&
    context.vaultId === vaultId
  if (!isRight)
    throw new KmsError('integrityFailure', `A transfer from ${source} names another vault, tenancy or region.`)
}

/** The vault's keys arrive: they are stored under this region's root together with the vault's row, or not at all. */
export async function onLinkBundle(
  ports: ReplicationPorts,
  envelope: Envelope,
  body: BodyOf<'linkBundle'>,
): Promise<'wait' | undefined> {
  const { vaultId, fence, bundle } = body
  requireContext(ports, envelope, vaultId, bundle.context)
  const state = await standing(ports, envelope, vaultId, fence)
  if (state === 'isAccepted') return accept(ports, envelope, vaultId, fence)
  if (state === 'waits') return 'wait'
  if (state === 'isDropped') return undefined
  const { pk, sk } = transportKey(vaultId, fence)
  const waiting = (await ports.tables.get('Replication', pk, sk)) as TransportRow | undefined
  if (waiting === undefined) throw new KmsError('integrityFailure', `No transfer of ${vaultId} was offered.`)
  const wrapped = await ports.hsm.importVaultKeys(bundle.context, bundle, waiting.transport)
  const context = { realm, tenancyId: envelope.tenancyId, vaultId, isPrivate: bundle.context.isPrivate }
  const keys = ports.hsm.openVault(context, wrapped)
  const row = openRow<VaultRow>(keys, 'vaultspan/vault/1', body.vault.vault)
  requireReplica(ports, envelope, body, row)
  const keysRow: VaultKeysRow = { pk: vaultId, sk: vaultKeysSk, wrapped: { ...wrapped } }
  const tombstone = (await ports.cache.freshVault(vaultId))?.row
  const condition =
    tombstone === undefined
      ? ({ kind: 'absent' } as const)
      : { kind: 'revision' as const, revision: tombstone.revision }
  const outcome = await ports.tables.write([
    { op: 'put', table: 'Vaults', item: { ...row }, condition },
    { op: 'put', table: 'Vaults', item: { ...keysRow } },
    { op: 'put', table: 'Vaults', item: prefixRow(row) },
    ...contentMark(row.tenancyId, row.compartmentId, { table: 'Vaults', id: row.id }),
    ...wrappingKeyWrite(keys, row, body.vault.wrappingKey),
    { op: 'delete', table: 'Replication', pk, sk, condition: { kind: 'fields', fields: { pk } } },
  ])
  // Another delivery of the same bundle was faster, or a deletion: what stands then decides.
  if (!outcome.ok) return onLinkBundle(ports, envelope, body)
  return accept(ports, envelope, vaultId, fence)
}

function requireReplica(
  { region }: ReplicationPorts,
  { source, tenancyId }: Envelope,
  { vaultId, fence, bundle }: BodyOf<'linkBundle'>,
  row: VaultRow,
): void {
  const isRight =
    row.id === vaultId &&
    row.pk === vaultId &&
    row.tenancyId === tenancyId &&
    row.primaryRegion === source &&
    row.replicaRegion === region &&
    row.fence === fence &&
    row.epoch === bundle.context.epoch &&
    vaultContext(row).isPrivate === bundle.context.isPrivate
  if (!isRight)
    throw new KmsError(
      'integrityFailure',
      `The vault row that came with the keys of ${vaultId} does not belong to them.`,
    )
}

async function accept(
  ports: ReplicationPorts,
  { source, tenancyId }: Envelope,
  vaultId: string,
  fence: number,
): Promise<undefined> {
  await sendOrStore(ports, { region: source, queue: 'outcome', tenancyId }, { kind: 'linkAccepted', vaultId, fence })
}
