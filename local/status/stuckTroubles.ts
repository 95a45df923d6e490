import type { StuckReplica } from '../../lib/replication/stuckReplicas.ts'
import type { Trouble } from './statusText.ts'

/** Of replicas that do not come: why, and what to do, where it is found out. */
export function stuckTroubles(stuck: readonly StuckReplica[] = []): readonly Trouble[] {
  const shown = stuck.slice(0, maxShown).map(trouble)
  const more = stuck.length - shown.length
  if (more === 0) return shown
  return [...shown, { says: `${more} further vaults get no replica`, remedy: 'status --json names up to 100 of them.' }]
}

const maxShown = 10

function trouble(replica: StuckReplica): Trouble {
  const { vaultId, source, destination, reason } = replica
  return {
    says: `vault ${vaultId} of ${source} gets no replica in ${destination}: ${reason}`,
    remedy: `${remedies[replica.why](replica)} It is tried again each minute, and when ${source} starts.`,
  }
}

const remedies = {
  keptInToken: ({ source, destination }) =>
    `Give ${destination} a token, or delete the replica; or start ${source} with that setting and call CreateVaultReplica again, which sends the keys.`,
  noFreeToken: () => 'Stop the service and run hsm init --private N, with a higher N (docs/hsm.md, Private vaults).',
  refused: () =>
    'The audit has it as RefuseVaultTransfer; where it stays, delete the replica and make it anew: docs/operating.md, Watch.',
  notTaken: ({ destination }) => `status in ${destination} says why, where that refuses them.`,
} satisfies Record<StuckReplica['why'], (replica: StuckReplica) => string>
