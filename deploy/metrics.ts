/** A metric as an alarm or a widget names it. */
export interface Metric {
  readonly Namespace: string
  readonly MetricName: string
  readonly Dimensions?: readonly { readonly Name: string; readonly Value: unknown }[]
}

/** Written by lib/aws/lagMetric.ts. */
export function ofPeer(
  prefix: string,
  peer: string,
  MetricName: 'ReplicationLag' | 'OldestChangeWaiting' | 'ReplicaDiverged',
): Metric {
  return {
    Namespace: 'Vaultspan',
    MetricName,
    Dimensions: [
      { Name: 'deployment', Value: prefix },
      { Name: 'peer', Value: peer },
    ],
  }
}

export function integrityMetric(prefix: string): Metric {
  return { Namespace: 'Vaultspan', MetricName: `IntegrityFailures-${prefix}` }
}

export function queueMetric(name: string, MetricName: string): Metric {
  return { Namespace: 'AWS/SQS', MetricName, Dimensions: [{ Name: 'QueueName', Value: name }] }
}

export function tableMetric(name: string, MetricName: string): Metric {
  return { Namespace: 'AWS/DynamoDB', MetricName, Dimensions: [{ Name: 'TableName', Value: name }] }
}

export function functionMetric(name: string, MetricName: string): Metric {
  return { Namespace: 'AWS/Lambda', MetricName, Dimensions: [{ Name: 'FunctionName', Value: name }] }
}
