/** Audit events that were lost. */
export function auditLossMetric(deployment: string, write: (line: string) => void): (count: number) => void {
  return (count) => {
    countMetric(deployment, 'AuditEventsLost', count, write)
  }
}

/** `reconcile` has found the region's tables put back to an older point in time. */
export function putBackMetric(deployment: string, write: (line: string) => void): () => void {
  return () => {
    countMetric(deployment, 'TablesPutBack', 1, write)
  }
}

/** A count as a CloudWatch metric in the embedded metric format (lib/aws/lagMetric.ts). */
function countMetric(deployment: string, Name: string, count: number, write: (line: string) => void): void {
  const metric = { Namespace: 'Vaultspan', Dimensions: [['deployment']], Metrics: [{ Name, Unit: 'Count' }] }
  const _aws = { Timestamp: Date.now(), CloudWatchMetrics: [metric] }
  write(JSON.stringify({ _aws, deployment, [Name]: count }))
}
