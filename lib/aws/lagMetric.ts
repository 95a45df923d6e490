import type { LagMeter } from '../replication/replicationPorts.ts'

/**
 * Replication lag as a CloudWatch metric, told by a log line in the embedded metric format: no call, no permission.
 * deploy/alarms.ts reads it.
 */
export function lagMetric(deployment: string, write: (line: string) => void): LagMeter {
  const tell = (peer: string, Name: string, Unit: string, value: number) => {
    const metric = { Namespace: 'Vaultspan', Dimensions: [['deployment', 'peer']], Metrics: [{ Name, Unit }] }
    const line = {
      _aws: { Timestamp: Date.now(), CloudWatchMetrics: [metric] },
      deployment,
      peer,
      [Name]: value,
    }
    write(JSON.stringify(line))
  }
  return {
    record: (peer, lagMs) => {
      tell(peer, 'ReplicationLag', 'Milliseconds', lagMs)
    },
    diverged: (peer, count) => {
      tell(peer, 'ReplicaDiverged', 'Count', count)
    },
  }
}
