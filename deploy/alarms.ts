import { grants } from './grants.ts'
import { ofPeer, integrityMetric, queueMetric, tableMetric, functionMetric, type Metric } from './metrics.ts'
import { tableNames } from './tables.ts'

export interface AlarmOptions {
  readonly prefix: string
  readonly region: string
  readonly peers: readonly string[]
}

interface Alarm extends Metric {
  readonly AlarmDescription: string
  readonly Statistic?: 'Sum' | 'Maximum'
  readonly ExtendedStatistic?: string
  readonly Threshold: number
  readonly EvaluationPeriods?: number
  readonly Period?: number
  readonly ComparisonOperator?: 'LessThanThreshold'
  readonly TreatMissingData?: 'breaching'
}

const functions = Object.keys(grants)
const queues = ['inbox', 'outcome', 'outbox', 'stream'] as const
const httpApi = [{ Name: 'ApiId', Value: { Ref: 'HttpApi' } }]

/** Who is called when, and what they look at. Alarms tell the topic; whoever should know subscribes to it. */
export function alarms(options: AlarmOptions): Record<string, object> {
  const rows = alarmRows(options)
  return {
    AlarmTopic: { Type: 'AWS::SNS::Topic', Properties: { TopicName: `${options.prefix}-alarms` } },
    ...Object.fromEntries(
      Object.entries(rows).map(([id, row]) => [
        id,
        {
          Type: 'AWS::CloudWatch::Alarm',
          Properties: {
            AlarmName: `${options.prefix}-${id}`,
            ComparisonOperator: 'GreaterThanThreshold',
            Period: 60,
            EvaluationPeriods: 1,
            TreatMissingData: 'notBreaching',
            AlarmActions: [{ Ref: 'AlarmTopic' }],
            ...row,
          },
        },
      ]),
    ),
    ...integrityFilters(options.prefix),
    Dashboard: {
      Type: 'AWS::CloudWatch::Dashboard',
      Properties: { DashboardName: `${options.prefix}-${options.region}`, DashboardBody: dashboard(options) },
    },
  }
}

function alarmRows({ prefix, peers }: AlarmOptions): Record<string, Alarm> {
  return {
    ...Object.fromEntries(
      peers.map((peer) => [
        `Lag${idOf(peer)}`,
        {
          AlarmDescription: `From a commit to its receipt from ${peer}: more than 10 s for 3 minutes.`,
          ...ofPeer(prefix, peer, 'ReplicationLag'),
          ExtendedStatistic: 'p99',
          Threshold: 10_000,
          EvaluationPeriods: 3,
        },
      ]),
    ),
    ...Object.fromEntries(
      peers.map((peer) => [
        `Late${idOf(peer)}`,
        {
          AlarmDescription: `A change has not arrived in ${peer} for more than 5 minutes; the log says of which vault.`,
          ...ofPeer(prefix, peer, 'OldestChangeWaiting'),
          Statistic: 'Maximum',
          Threshold: 300_000,
        },
      ]),
    ),
    ...Object.fromEntries(
      peers.map((peer) => [
        `Diverged${idOf(peer)}`,
        {
          AlarmDescription: `${peer} did not have what it had acknowledged: a bug, or somebody wrote into its tables.`,
          ...ofPeer(prefix, peer, 'ReplicaDiverged'),
          Statistic: 'Sum',
          Threshold: 0,
        },
      ]),
    ),
    ...Object.fromEntries(
      queues.map((name) => [
        `Dead${idOf(name)}`,
        {
          AlarmDescription: `Messages of ${name} that could not be worked: see their reasons in the log, then redrive.`,
          ...queueMetric(`${prefix}-${name}-dead`, 'ApproximateNumberOfMessagesVisible'),
          Statistic: 'Maximum',
          Threshold: 0,
        },
      ]),
    ),
    ...Object.fromEntries(
      (['inbox', 'outcome', 'outbox'] as const).map((name) => [
        `Age${idOf(name)}`,
        {
          AlarmDescription: `The oldest message of ${name} waits for more than 5 minutes; in the outbox: a peer is down.`,
          ...queueMetric(`${prefix}-${name}`, 'ApproximateAgeOfOldestMessage'),
          Statistic: 'Maximum',
          Threshold: 300,
        },
      ]),
    ),
    ...Object.fromEntries(
      functions.flatMap((name) =>
        (['Errors', 'Throttles'] as const).map((metric) => [
          `${metric}${idOf(name)}`,
          {
            AlarmDescription: `${metric} of the function ${name}.`,
            ...functionMetric(`${prefix}-${name}`, metric),
            Statistic: 'Sum',
            Threshold: 0,
            EvaluationPeriods: 3,
          },
        ]),
      ),
    ),
    ...Object.fromEntries(
      (['reconcile', 'schedule'] as const).map((name) => [
        `Stopped${idOf(name)}`,
        {
          AlarmDescription: `${name} is called once a minute, and was not for 10 minutes.`,
          ...functionMetric(`${prefix}-${name}`, 'Invocations'),
          Statistic: 'Sum',
          Threshold: 1,
          Period: 300,
          EvaluationPeriods: 2,
          ComparisonOperator: 'LessThanThreshold',
          TreatMissingData: 'breaching',
        },
      ]),
    ),
    ...Object.fromEntries(
      tableNames.flatMap((name) =>
        (['ReadThrottleEvents', 'WriteThrottleEvents'] as const).map((metric) => [
          `${metric}${name}`,
          {
            AlarmDescription: `DynamoDB throttled the table ${name}, for 3 minutes: a hot partition, or the account's limit.`,
            ...tableMetric(`${prefix}-${name}`, metric),
            Statistic: 'Sum',
            Threshold: 0,
            EvaluationPeriods: 3,
          },
        ]),
      ),
    ),
    StreamAge: {
      AlarmDescription: 'The tables’ streams are read more than 5 minutes late.',
      ...functionMetric(`${prefix}-fanOut`, 'IteratorAge'),
      Statistic: 'Maximum',
      Threshold: 300_000,
    },
    ServerErrors: {
      AlarmDescription: 'The API answered 5xx more than 5 times in a minute.',
      Namespace: 'AWS/ApiGateway',
      MetricName: '5xx',
      Dimensions: httpApi,
      Statistic: 'Sum',
      Threshold: 5,
    },
    SlowAnswers: {
      AlarmDescription: 'One answer in a hundred took more than 2 s, for 3 minutes.',
      Namespace: 'AWS/ApiGateway',
      MetricName: 'Latency',
      Dimensions: httpApi,
      ExtendedStatistic: 'p99',
      Threshold: 2_000,
      EvaluationPeriods: 3,
    },
    AuditEventsLost: {
      AlarmDescription: 'Events of reads, refusals or crypto calls are in no table (docs/operating.md, "Audit").',
      Namespace: 'Vaultspan',
      MetricName: 'AuditEventsLost',
      Dimensions: [{ Name: 'deployment', Value: prefix }],
      Statistic: 'Sum',
      Threshold: 0,
    },
    TablesPutBack: {
      AlarmDescription: 'Tables were put back to an older point in time; the region refuses until they are recovered.',
      Namespace: 'Vaultspan',
      MetricName: 'TablesPutBack',
      Dimensions: [{ Name: 'deployment', Value: prefix }],
      Statistic: 'Sum',
      Threshold: 0,
    },
    IntegrityFailures: {
      AlarmDescription: 'A row or a message did not verify: somebody wrote into a table or a queue (docs/security.md).',
      ...integrityMetric(prefix),
      Statistic: 'Sum',
      Threshold: 0,
    },
  }
}

/** Every function's log is searched for the one error that always wants a person. */
function integrityFilters(prefix: string): Record<string, object> {
  return Object.fromEntries(
    functions.map((name) => [
      `Integrity${idOf(name)}`,
      {
        Type: 'AWS::Logs::MetricFilter',
        Properties: {
          LogGroupName: { Ref: `${idOf(name)}LogGroup` },
          FilterPattern: '"integrityFailure"',
          MetricTransformations: [
            {
              MetricNamespace: integrityMetric(prefix).Namespace,
              MetricName: integrityMetric(prefix).MetricName,
              MetricValue: '1',
            },
          ],
        },
      },
    ]),
  )
}

function dashboard({ prefix, region, peers }: AlarmOptions): object {
  const widget = (title: string, stat: string, metrics: readonly Metric[]) => ({
    type: 'metric',
    width: 12,
    height: 6,
    properties: {
      title,
      region,
      stat,
      period: 60,
      metrics: metrics.map(({ Namespace, MetricName, Dimensions = [] }) => [
        Namespace,
        MetricName,
        ...Dimensions.flatMap(({ Name, Value }) => [Name, Name === 'ApiId' ? '${HttpApi}' : Value]),
      ]),
    },
  })
  const each = (metric: string) => functions.map((name) => functionMetric(`${prefix}-${name}`, metric))
  const depth = (name: string) => queueMetric(`${prefix}-${name}`, 'ApproximateNumberOfMessagesVisible')
  const api = (MetricName: string): Metric => ({ Namespace: 'AWS/ApiGateway', MetricName, Dimensions: httpApi })
  const body = {
    widgets: [
      widget(
        'Replication lag, p99, ms',
        'p99',
        peers.map((peer) => ofPeer(prefix, peer, 'ReplicationLag')),
      ),
      widget(
        'Dead letters',
        'Maximum',
        queues.map((name) => depth(`${name}-dead`)),
      ),
      widget('Queues', 'Maximum', ['inbox', 'outcome', 'outbox'].map(depth)),
      widget('Answers, p99, ms', 'p99', [api('Latency'), api('IntegrationLatency')]),
      widget('Requests and errors', 'Sum', [api('Count'), api('4xx'), api('5xx')]),
      widget('Functions: p99, ms', 'p99', each('Duration')),
      widget('Functions: errors', 'Sum', each('Errors')),
      widget('Functions: throttles', 'Sum', each('Throttles')),
    ].map((each, index) => ({ ...each, x: (index % 2) * 12, y: Math.floor(index / 2) * 6 })),
  }
  return { 'Fn::Sub': JSON.stringify(body) }
}

/** `us-east-1` → `UsEast1`. */
function idOf(name: string): string {
  return name.replace(/(^|-)([a-z0-9])/g, (_match, _dash, first: string) => first.toUpperCase())
}
