/** Audit events that were lost, as a CloudWatch metric in the embedded metric format (lib/aws/lagMetric.ts). */
export function auditLossMetric(deployment: string, write: (line: string) => void): (count: number) => void {
  const Metrics = [{ Name: 'AuditEventsLost', Unit: 'Count' }]
  return (count) => {
    const metric = { Namespace: 'Vaultspan', Dimensions: [['deployment']], Metrics }
    const _aws = { Timestamp: Date.now(), CloudWatchMetrics: [metric] }
    write(JSON.stringify({ _aws, deployment, AuditEventsLost: count }))
  }
}
