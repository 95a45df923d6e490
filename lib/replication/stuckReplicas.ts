import { linkReport, type ReportPorts } from './linkReport.ts'
import { standingRefusals, type StandingRefusal } from './link/standingRefusals.ts'
import type { ReplicationPorts } from './replicationPorts.ts'

/** A replica that does not come, in its source or its destination, and why as far as this region knows. */
export interface StuckReplica extends Omit<StandingRefusal, 'why'> {
  /** notTaken: the destination has not said that it has the keys; it may know why. */
  readonly why: StandingRefusal['why'] | 'notTaken'
}

const maxVaults = 100

export async function stuckReplicas(
  ports: ReportPorts & Pick<ReplicationPorts, 'region'>,
): Promise<readonly StuckReplica[]> {
  const refusals = await standingRefusals(ports, maxVaults)
  const told = new Set(refusals.map(({ vaultId }) => vaultId))
  const links = await linkReport(ports, maxVaults)
  const notTaken = links.filter(({ vaultId, isNotTaken }) => isNotTaken === true && !told.has(vaultId))
  return [
    ...refusals,
    ...notTaken.map(({ vaultId, peer: destination }) => {
      const reason = `${destination} has not taken its keys, which it has been sent or asked for each minute.`
      return { vaultId, source: ports.region, destination, why: 'notTaken', reason } as const
    }),
  ]
}
