import type { TableName } from '../lib/ports.ts'
import { backupBucketName } from './backupBucket.ts'
import { rewrapActions } from './keyAdministration.ts'
import { tableId, tableNames } from './tables.ts'
import { grants, type BackupUse, type DeployedFunction, type Grants, type KekUse, type TableUse } from './grants.ts'

interface Statement {
  readonly Sid: string
  readonly Effect: 'Allow' | 'Deny'
  readonly Action: readonly string[]
  readonly Resource: unknown
  readonly Condition?: object
}

export interface RoleOptions {
  /** Of every name: `vaultspan-{stage}`. */
  readonly prefix: string
  readonly region: string
  readonly homeRegion: string
  readonly peers: readonly string[]
  /** Whether the functions tell X-Ray of their calls. */
  readonly isTraced: boolean
}

/** Written by provisioning only (lib/aws/hsmStateRow.ts). */
const hsmPk = 'hsm'
/** How far the tables have come (lib/aws/putBack/tableMarks.ts), and what peers know of it (lib/replication/peerMarks.ts). */
const marksPk = 'tableMark'
const peerMarksPk = 'peerMark'

/** A role for each function, named with its region because IAM is one for all regions. */
export function roles(options: RoleOptions): Record<string, object> {
  return Object.fromEntries(
    Object.entries(grants as Record<DeployedFunction, Grants>).map(([name, granted]) => [
      roleId(name),
      {
        Type: 'AWS::IAM::Role',
        Properties: {
          RoleName: roleName(options, name),
          AssumeRolePolicyDocument: policy([
            { Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: ['sts:AssumeRole'] },
          ]),
          Policies: [{ PolicyName: name, PolicyDocument: policy(statements(name, granted, options)) }],
        },
      },
    ]),
  )
}

export function roleName({ prefix, region }: Pick<RoleOptions, 'prefix' | 'region'>, functionName: string): string {
  return `${prefix}-${region}-${functionName}`
}

export function roleId(functionName: string): string {
  return `${functionName.charAt(0).toUpperCase()}${functionName.slice(1)}Role`
}

function policy(Statement: readonly object[]): object {
  return { Version: '2012-10-17', Statement }
}

function statements(name: string, granted: Grants, options: RoleOptions): readonly Statement[] {
  const { prefix, peers } = options
  const queue = (region: string, queueName: string) =>
    arn(`arn:\${AWS::Partition}:sqs:${region}:\${AWS::AccountId}:${prefix}-${queueName}`)
  const here = '${AWS::Region}'
  const sends = [
    ...(granted.sends?.own ?? []).map((queueName) => queue(here, queueName)),
    ...(granted.sends?.peers ?? []).flatMap((queueName) => peers.map((peer) => queue(peer, queueName))),
    ...(granted.streams === undefined ? [] : [queue(here, 'stream-dead')]),
  ]
  return [
    ...logs(prefix, name),
    // X-Ray's actions know no resource.
    ...(options.isTraced ? [allow('Trace', ['xray:PutTelemetryRecords', 'xray:PutTraceSegments'], ['*'])] : []),
    ...Object.entries(granted.tables).flatMap(([table, uses]) => tableStatements(table as TableName, uses)),
    ...hsmState(granted, prefix),
    ...tableMarks(granted, options),
    ...vaultKeks(granted.keks ?? [], prefix),
    ...backupStatements(granted.backups ?? [], options),
    ...(sends.length === 0 ? [] : [allow('Send', ['sqs:SendMessage'], sends)]),
    ...(granted.receives ?? []).map((queueName) =>
      allow(
        `Receive${capital(queueName)}`,
        ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'],
        [queue(here, queueName)],
      ),
    ),
    ...(granted.streams ?? []).map((table) =>
      allow(
        `Stream${table}`,
        ['dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator', 'dynamodb:ListStreams'],
        [{ 'Fn::GetAtt': [tableId(table), 'StreamArn'] }],
      ),
    ),
  ]
}

function logs(prefix: string, name: string): readonly Statement[] {
  const group = `arn:\${AWS::Partition}:logs:\${AWS::Region}:\${AWS::AccountId}:log-group:/aws/lambda/${prefix}-${name}`
  return [allow('Log', ['logs:CreateLogStream', 'logs:PutLogEvents'], [arn(`${group}:*`)])]
}

const actions: Record<Exclude<TableUse, 'list'>, string> = {
  get: 'dynamodb:GetItem',
  query: 'dynamodb:Query',
  scan: 'dynamodb:Scan',
  put: 'dynamodb:PutItem',
  delete: 'dynamodb:DeleteItem',
  check: 'dynamodb:ConditionCheckItem',
  advance: 'dynamodb:UpdateItem',
}

function tableStatements(table: TableName, uses: readonly TableUse[]): readonly Statement[] {
  const ofTable = uses.flatMap((use) => (use === 'list' ? [] : [actions[use]]))
  const arnOf = { 'Fn::GetAtt': [tableId(table), 'Arn'] }
  const index = (name: string) => ({ 'Fn::Sub': `\${${tableId(table)}.Arn}/index/${name}` })
  return [
    ...(ofTable.length === 0 ? [] : [allow(table, ofTable, [arnOf])]),
    ...(uses.includes('list')
      ? [allow(`${table}Indexes`, ['dynamodb:Query'], [index('byTime'), index('byName')])]
      : []),
  ]
}

const backupActions: Record<BackupUse, string> = { read: 's3:GetObject', write: 's3:PutObject' }

/** In every region by the bucket's name: it lies in the home region, whose stack alone knows its resource. */
function backupStatements(uses: readonly BackupUse[], options: RoleOptions): readonly Statement[] {
  const bucket = `arn:\${AWS::Partition}:s3:::${backupBucketName(options)}`
  const ofObjects = uses.map((use) => backupActions[use])
  return [
    ...(ofObjects.length === 0 ? [] : [allow('Backups', ofObjects, [arn(`${bucket}/*`)])]),
    // Without it S3 answers "forbidden" for an object that is not there.
    ...(uses.includes('read') ? [allow('BackupBucket', ['s3:ListBucket'], [arn(bucket)])] : []),
  ]
}

/** The row of the HSM's state and the key it is wrapped with; only provisioning may write it. */
function hsmState({ provisions, marks, tables }: Grants, prefix: string): readonly Statement[] {
  const table = [{ 'Fn::GetAtt': [tableId('Replication'), 'Arn'] }]
  const key = [{ 'Fn::GetAtt': ['HsmStateKey', 'Arn'] }]
  const mayWriteTable = tables.Replication?.some((use) => use === 'put' || use === 'delete') ?? false
  const kept = [...(provisions ? [] : [hsmPk]), ...(marks ? [] : [marksPk])]
  return [
    ...(tables.Replication?.includes('get') === true
      ? []
      : [{ ...allow('ReadHsmState', ['dynamodb:GetItem'], table), Condition: onlyPartitions(hsmPk, marksPk) }]),
    ...(mayWriteTable
      ? [
          {
            ...allow('KeepHsmState', ['dynamodb:PutItem', 'dynamodb:DeleteItem'], table),
            Effect: 'Deny' as const,
            Condition: { 'ForAnyValue:StringEquals': { 'dynamodb:LeadingKeys': kept } },
          },
        ]
      : []),
    {
      ...allow('OpenHsmState', provisions ? ['kms:Decrypt', 'kms:GenerateDataKey'] : ['kms:Decrypt'], key),
      Condition: { StringEquals: contextOf('simulated-hsm-state', prefix) },
    },
  ]
}

/** The tables' marks: every function reads what is known of them here and at the peers, a few raise them. */
function tableMarks({ marks }: Grants, { prefix, peers }: RoleOptions): readonly Statement[] {
  const all = tableNames.map((name) => ({ 'Fn::GetAtt': [tableId(name), 'Arn'] }))
  const ofPeers = peers.map((peer) =>
    arn(`arn:\${AWS::Partition}:dynamodb:${peer}:\${AWS::AccountId}:table/${prefix}-Replication`),
  )
  const read = (Sid: string, resources: readonly unknown[], pk: string) => ({
    ...allow(Sid, ['dynamodb:GetItem'], resources),
    Condition: onlyPartitions(pk),
  })
  return [
    ...(ofPeers.length === 0 ? [] : [read('AskPeers', ofPeers, peerMarksPk)]),
    ...(marks
      ? [{ ...allow('Mark', ['dynamodb:GetItem', 'dynamodb:PutItem'], all), Condition: onlyPartitions(marksPk) }]
      : []),
  ]
}

function onlyPartitions(...pks: readonly string[]): object {
  return { 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': pks } }
}

const ofVault = 'kms:EncryptionContext:vaultspan:vault'
/** As backupContext names them (lib/kms/backup/backupKeys.ts). */
const ofBackups = { [ofVault]: 'backup.*' }

const kekRows: Record<KekUse, { readonly actions: readonly string[]; readonly condition: object }> = {
  open: { actions: ['kms:Decrypt'], condition: { StringNotLike: ofBackups } },
  openBackups: { actions: ['kms:Decrypt'], condition: { StringLike: ofBackups } },
  make: { actions: ['kms:GenerateDataKey'], condition: {} },
  rewrap: { actions: rewrapActions, condition: {} },
}

/** The key that wraps vaults' KEKs, for contexts that name a vault (lib/aws/kms/wrappedKeks.ts). */
function vaultKeks(uses: readonly KekUse[], prefix: string): readonly Statement[] {
  const named = { [ofVault]: 'false', 'kms:EncryptionContext:vaultspan:tenancy': 'false' }
  return uses.map((use) => ({
    ...allow(`${capital(use)}Keks`, kekRows[use].actions, [{ 'Fn::GetAtt': ['VaultKeksKey', 'Arn'] }]),
    Condition: { StringEquals: contextOf('vault-keks', prefix), Null: named, ...kekRows[use].condition },
  }))
}

function contextOf(purpose: string, prefix: string): Readonly<Record<string, unknown>> {
  const context: Record<string, unknown> = { purpose, deployment: prefix, region: { Ref: 'AWS::Region' } }
  return Object.fromEntries(
    Object.entries(context).map(([name, value]) => [`kms:EncryptionContext:vaultspan:${name}`, value]),
  )
}

function allow(Sid: string, Action: readonly string[], Resource: readonly unknown[]): Statement {
  return { Sid, Effect: 'Allow', Action, Resource }
}

function arn(text: string): object {
  return { 'Fn::Sub': text }
}

function capital(name: string): string {
  return `${name.charAt(0).toUpperCase()}${name.slice(1)}`
}
