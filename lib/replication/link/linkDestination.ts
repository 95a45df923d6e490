import { realm } from '../../ocid.ts'
import type { TransferContext } from '../../hsm/hsm.ts'
import { contentMark } from '../../kms/identity/compartmentContents.ts'
import { KmsError } from '../../errors.ts'
import { putOver, unchangedSince } from '../../kms/mutation.ts'
import { vaultSk, type VaultRow } from '../../kms/rows/rows.ts'
import { wholeTree } from '../../kms/rows/digestTree.ts'
import { verifiedRow, vaultContext } from '../../kms/rows/rowMac.ts'
import { vaultKeysSk, type VaultKeysRow } from '../../kms/vaultCache.ts'
import { transportPk } from '../../kms/vaults/partition.ts'
import { storingKeys } from '../../kms/vaults/storingKeys.ts'
import { prefixRow } from '../../kms/vaults/vaults.ts'
import { wrappingKeyWrite } from '../apply.ts'
import { sendOrPark } from '../lane/sendOrPark.ts'
import type { BodyOf, Envelope } from '../messages/signedMessage.ts'
import { fenceStands, knownFence } from './fence.ts'
import { auditRefusal, tellingRefusals, type Transfer } from './refusedTransfers.ts'
import type { ReplicationPorts } from '../replicationPorts.ts'
import {
  expiredOffer,
  fenceSk,
  transportAt,
  transportUsed,
  waitingTransport,
  withoutTransports,
  type TransportPlace,
} from './transport.ts'

/** What a region does when it is asked to hold a replica. Each message may come twice, late, or not at all. */

function transportPlace(vaultId: string, fence: number): TransportPlace {
  return { pk: transportPk(vaultId), sk: fenceSk(fence) }
}

type Standing = 'isDropped' | 'isAccepted' | 'waits' | 'isOpen'

/** How this region stands to a link that another region wants. */
async function standing(
  ports: ReplicationPorts,
  { source, tenancyId }: Envelope,
  vaultId: string,
  fence: number,
): Promise<Standing> {
  // INVARIANT: the vault before the fence. A purge takes the one away and raises the other at once, so what is found away
  // because of it is found fenced off, too.
  const row = (await ports.cache.freshVault(vaultId))?.row
  const known = await knownFence(ports.tables, vaultId)
  if (known !== undefined && fence < known) return 'isDropped'
  if (row === undefined) return 'isOpen'
  // A deleted vault that was restored: its new replica takes the place of the tombstone.
  if (row.lifecycleState === 'DELETED' && row.tenancyId === tenancyId && row.fence < fence) return 'isOpen'
  if (row.primaryRegion !== source || row.tenancyId !== tenancyId) {
    throw new KmsError('integrityFailure', `${source} does not write the vault ${vaultId}.`)
  }
  return row.fence >= fence ? 'isAccepted' : 'waits'
}

export function onLinkRequest(
  ports: ReplicationPorts,
  envelope: Envelope,
  body: BodyOf<'linkRequest'>,
): Promise<'wait' | undefined> {
  return tellingRefusals(ports, transferOf(ports, envelope, body), () => takeRequest(ports, envelope, body))
}

/** Of a vault that is not here yet: it is told where the tenancy's own events are. */
function transferOf(
  { region }: ReplicationPorts,
  { source, tenancyId }: Envelope,
  { vaultId, fence }: { readonly vaultId: string; readonly fence: number },
): Transfer {
  const resource = { resourceId: vaultId, resourceName: vaultId, compartmentId: tenancyId }
  return { tenancyId, ...resource, fence, source, destination: region }
}

async function takeRequest(
  ports: ReplicationPorts,
  envelope: Envelope,
  body: BodyOf<'linkRequest'>,
): Promise<'wait' | undefined> {
  const { vaultId, fence, context } = body
  requireContext(ports, envelope, vaultId, context)
  const known = await knownFence(ports.tables, vaultId)
  const stored = (await ports.tables.get('Vaults', vaultId, vaultSk)) as Pick<VaultRow, 'revision'> | undefined
  const state = await standing(ports, envelope, vaultId, fence)
  if (state === 'isAccepted') return accept(ports, envelope, vaultId, fence)
  if (state === 'waits') return 'wait'
  if (state === 'isDropped') return undefined
  const vaultStands = {
    op: 'check',
    table: 'Vaults',
    pk: vaultId,
    sk: vaultSk,
    condition: unchangedSince(stored),
  } as const
  const stillWanted = [fenceStands(vaultId, known), vaultStands]
  // A link that was asked for anew takes the place of the one before.
  const former = await withoutTransports(ports, vaultId, fence - 1)
  const wanted = [...stillWanted, ...former]
  const transport = await transportAt(ports, transportPlace(vaultId, fence), context, wanted)
  if (transport === undefined) return takeRequest(ports, envelope, body)
  const to = { region: envelope.source, queue: 'outcome', tenancyId: envelope.tenancyId } as const
  await sendOrPark(ports, to, { kind: 'linkOffer', vaultId, fence, offer: transport.offer })
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
export function onLinkBundle(
  ports: ReplicationPorts,
  envelope: Envelope,
  body: BodyOf<'linkBundle'>,
): Promise<'wait' | undefined> {
  return tellingRefusals(ports, transferOf(ports, envelope, body), () => takeBundle(ports, envelope, body))
}

async function takeBundle(
  ports: ReplicationPorts,
  envelope: Envelope,
  body: BodyOf<'linkBundle'>,
): Promise<'wait' | undefined> {
  const { vaultId, fence, bundle } = body
  requireContext(ports, envelope, vaultId, bundle.context)
  const known = await knownFence(ports.tables, vaultId)
  const state = await standing(ports, envelope, vaultId, fence)
  if (state === 'isAccepted') return accept(ports, envelope, vaultId, fence)
  if (state === 'waits') return 'wait'
  if (state === 'isDropped') return undefined
  const place = transportPlace(vaultId, fence)
  const transport = await waitingTransport(ports, place)
  if (transport?.key.offer.transportKeyId !== bundle.transportKeyId) {
    // Another delivery of the same bundle took it, or a deletion came: what stands then decides.
    if ((await standing(ports, envelope, vaultId, fence)) !== 'isOpen') return takeBundle(ports, envelope, body)
    // An answer to an offer before the present one, which has an answer of its own.
    if (transport !== undefined) return undefined
    throw new KmsError('integrityFailure', `No transfer of ${vaultId} was offered.`)
  }
  if (transport.isExpired) {
    await auditRefusal(ports, transferOf(ports, envelope, body), expiredOffer)
    // As if it had been asked for again: the source answers the new offer, however long it was away.
    return takeRequest(ports, envelope, { kind: 'linkRequest', vaultId, fence, context: bundle.context })
  }
  const outcome = await storingKeys(ports.hsm, async () => {
    const wrapped = await ports.hsm.importVaultKeys(bundle.context, bundle, transport.key)
    const context = { realm, tenancyId: envelope.tenancyId, vaultId, isPrivate: bundle.context.isPrivate }
    const keys = ports.hsm.openVault(context, wrapped)
    const row = verifiedRow<VaultRow>(keys, 'vaultspan/vault/1', body.vault.vault)
    requireReplica(ports, envelope, body, row)
    const keysRow: VaultKeysRow = { pk: vaultId, sk: vaultKeysSk, wrapped: { ...wrapped } }
    const tombstone = (await ports.cache.freshVault(vaultId))?.row
    return ports.tables.write([
      putOver('Vaults', row, tombstone),
      { op: 'put', table: 'Vaults', item: { ...keysRow } },
      { op: 'put', table: 'Vaults', item: prefixRow(row) },
      ...(tombstone === undefined ? [wholeTree(row.id)] : []),
      ...contentMark(row.tenancyId, row.compartmentId, { table: 'Vaults', id: row.id }),
      ...wrappingKeyWrite(keys, row, body.vault.wrappingKey),
      // The keys were being unwrapped meanwhile: a purge may have come and gone, and told the primary that nothing is left.
      fenceStands(vaultId, known),
      transportUsed(place),
    ])
  })
  // Another delivery of the same bundle was faster, or a deletion: what stands then decides.
  if (!outcome.ok) return takeBundle(ports, envelope, body)
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
  await sendOrPark(ports, { region: source, queue: 'outcome', tenancyId }, { kind: 'linkAccepted', vaultId, fence })
}
