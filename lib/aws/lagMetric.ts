import { LagWindow } from '../replication/lagWindow.ts'
import type { LagMeter, VaultLink } from '../replication/replicationPorts.ts'

/**
 * Replication lag as a CloudWatch metric, told by a log line in the embedded metric format: no call, no permission.
 * The vault stands beside the metric and is no dimension of it: a dimension would cost a metric for each vault, and
 * the log answers questions about one. deploy/alarms.ts reads the metrics.
 */
export function lagMetric(deployment: string, write: (line: string) => void): LagMeter {
  const window = new LagWindow()
  const tell = ({ peer, vaultId: vault }: VaultLink, Name: string, Unit: string, value: number) => {
    const metric = { Namespace: 'Vaultspan', Dimensions: [['deployment', 'peer']], Metrics: [{ Name, Unit }] }
    const line = {
      _aws: { Timestamp: Date.now(), CloudWatchMetrics: [metric] },
      deployment,
      peer,
      vault,
      [Name]: value,
    }
    write(JSON.stringify(line))
  }
  return {
    record: (link, lagMs) => {
      window.record(link, lagMs)
      tell(link, 'ReplicationLag', 'Milliseconds', lagMs)
    },
    diverged: (link, count) => {
      tell(link, 'ReplicaDiverged', 'Count', count)
    },
    waiting: (link, ageMs) => {
      tell(link, 'OldestChangeWaiting', 'Milliseconds', ageMs)
    },
    figures: (link) => window.figures(link),
  }
}
