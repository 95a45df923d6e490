import type { TransferContext } from '../../hsm/hsm.ts'
import {
  backupContext,
  backupKeys,
  noBackupKeys,
  backupKeysWrite,
  onTheirWay,
  storedBackupKeys,
} from '../../kms/backup/backupKeys.ts'
import { KmsError } from '../../errors.ts'
import { sendOrPark } from '../lane/sendOrPark.ts'
import type { BodyOf, Envelope } from '../messages/signedMessage.ts'
import type { ReplicationPorts } from '../replicationPorts.ts'
import { storingKeys } from '../../kms/vaults/storingKeys.ts'
import { auditRefusal, tellingRefusals, type Transfer } from '../link/refusedTransfers.ts'
import { expiredOffer, transportAt, transportUsed, waitingTransport, type TransportPlace } from '../link/transport.ts'

/** How a tenancy's backup keys reach a region: it offers a transport key, and the home region's HSM wraps them for it. */

function transportPlace(tenancyId: string): TransportPlace {
  return { pk: `transport#backup#${tenancyId}`, sk: 'transport' }
}

function transferContext(ports: ReplicationPorts, tenancyId: string, destination: string): TransferContext {
  return { ...backupContext(tenancyId), source: ports.homeRegion, destination, epoch: '' }
}

function transferOf(tenancyId: string, between: Pick<Transfer, 'source' | 'destination'>): Transfer {
  const resource = { resourceId: tenancyId, resourceName: 'backup keys', compartmentId: tenancyId }
  return { tenancyId, ...resource, fence: 0, ...between }
}

const attempts = 3

/** Asks the home region, unless they are here. Asking again does no harm. @throws KmsError incorrectState */
export async function wantBackupKeys(ports: ReplicationPorts, tenancyId: string): Promise<void> {
  if (ports.region === ports.homeRegion) return
  const context = transferContext(ports, tenancyId, ports.region)
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    if ((await storedBackupKeys(ports, tenancyId)) !== undefined) return
    const transport = await transportAt(ports, transportPlace(tenancyId), context, [noBackupKeys(tenancyId)])
    if (transport === undefined) continue
    const to = { region: ports.homeRegion, queue: 'inbox', tenancyId } as const
    return sendOrPark(ports, to, { kind: 'backupKeysOffer', offer: transport.offer })
  }
  throw onTheirWay(ports.homeRegion)
}

/** In the home region. */
export async function onBackupKeysOffer(
  ports: ReplicationPorts,
  { source, tenancyId }: Envelope,
  { offer }: BodyOf<'backupKeysOffer'>,
): Promise<void> {
  if (ports.region !== ports.homeRegion)
    throw new KmsError('integrityFailure', `${source} asked a region that is not home.`)
  const { wrapped } = await backupKeys(ports, tenancyId)
  const transfer = transferOf(tenancyId, { source: ports.region, destination: source })
  const bundle = await tellingRefusals(ports, transfer, () =>
    ports.hsm.exportVaultKeys(transferContext(ports, tenancyId, source), wrapped, offer),
  )
  await sendOrPark(ports, { region: source, queue: 'inbox', tenancyId }, { kind: 'backupKeysBundle', bundle })
}

/** In the region that asked. */
export async function onBackupKeysBundle(
  ports: ReplicationPorts,
  { source, tenancyId }: Envelope,
  { bundle }: BodyOf<'backupKeysBundle'>,
): Promise<void> {
  if (source !== ports.homeRegion) throw new KmsError('integrityFailure', `${source} is not the home region.`)
  const place = transportPlace(tenancyId)
  const transport = await waitingTransport(ports, place)
  // A second answer, or one to an offer before the present one: asking twice at once makes both.
  if (transport?.key.offer.transportKeyId !== bundle.transportKeyId) return
  // The next backup or restore offers a new one.
  const transfer = transferOf(tenancyId, { source, destination: ports.region })
  if (transport.isExpired) return auditRefusal(ports, transfer, expiredOffer)
  const context = transferContext(ports, tenancyId, ports.region)
  await tellingRefusals(ports, transfer, () =>
    storingKeys(ports.hsm, async () => {
      const wrapped = await ports.hsm.importVaultKeys(context, bundle, transport.key)
      await ports.tables.write([backupKeysWrite(tenancyId, wrapped), transportUsed(place)])
    }),
  )
}
