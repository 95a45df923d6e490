import type { LagMeter } from '../replication/replicationPorts.ts'

/**
 * Replication lag as a CloudWatch metric, told by a log line in the embedded metric format: no call, no permission.
 * deploy/alarms.ts reads it.
 */
export function lagMetric(deployment: string, write: (line: string) => void): LagMeter {
  return {
    record: (peer, lagMs) => {
      const metric = {
        Namespace: 'Vaultspan',
        Dimensions: [['deployment', 'peer']],
        Metrics: [{ Name: 'ReplicationLag', Unit: 'Milliseconds' }],
      }
      const line = {
        _aws: { Timestamp: Date.now(), CloudWatchMetrics: [metric] },
        deployment,
        peer,
        ReplicationLag: lagMs,
      }
      write(JSON.stringify(line))
    },
  }
}
