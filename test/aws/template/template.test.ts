import { operations } from '../../../lib/http/operations.ts'
import { tableDefinitions } from '../../../lib/store/dynamodb/tableDefinitions.ts'
import { grants } from '../../../deploy/grants.ts'
import { handOffBudgetMs, roundTrip } from '../../../deploy/handOffBudget.ts'
import { ofType, packagedTemplates, statementsOf, type Statement, type Template } from './packagedTemplate.ts'

let home: Template
let peer: Template

beforeAll(async () => {
  ;[home, peer] = await packagedTemplates('--stage', 'prod', '--hosted-zone', 'Z0123456789ABC')
})

test('the HTTP API has exactly the routes of the router, each to its function, and one for all else', () => {
  const deployed = ofType(home, 'AWS::ApiGatewayV2::Route').map(([, { Properties }]) => {
    const text = JSON.stringify(Properties['Target'])
    const [, integration = ''] = /"HttpApiIntegration(\w+)"/.exec(text) ?? []
    return `${String(Properties['RouteKey'])} → ${integration.toLowerCase()}`
  })
  const expected = Object.values(operations).map(({ method, path, serves }) => `${method} ${path} → ${serves}`)
  expect(deployed.sort()).toEqual([...expected, '$default → vault'].sort())
})

test('the tables are those that the adapter is tested with; they are recoverable, encrypted and outlive the stack', () => {
  const tables = ofType(home, 'AWS::DynamoDB::Table')
  expect(tables.map(([, { Properties }]) => Properties['TableName'])).toEqual(
    Object.keys(tableDefinitions).map((name) => `vaultspan-prod-${name}`),
  )
  for (const [id, { DeletionPolicy, Properties }] of tables) {
    expect(DeletionPolicy).toBe('RetainExceptOnCreate')
    expect(Properties).toMatchObject({
      ...tableDefinitions[id.replace(/Table$/, '') as keyof typeof tableDefinitions],
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      SSESpecification: {
        SSEEnabled: true,
        SSEType: 'KMS',
        KMSMasterKeyId: { 'Fn::GetAtt': ['TableKey', 'Arn'] },
      },
      DeletionProtectionEnabled: true,
    })
  }
})

test('every queue that a function works has dead letters, and every queue is encrypted', () => {
  const queues = ofType(home, 'AWS::SQS::Queue')
  for (const [id, { Properties }] of queues) {
    expect(Properties['SqsManagedSseEnabled']).toBe(true)
    expect('RedrivePolicy' in Properties).toBe(!id.endsWith('DeadLetters'))
  }
  expect(queues).toHaveLength(7)
})

test('mappings report failures one by one', () => {
  const mappings = ofType(home, 'AWS::Lambda::EventSourceMapping')
  expect(mappings).toHaveLength(6)
  for (const [, { Properties }] of mappings) {
    expect(Properties['FunctionResponseTypes']).toEqual(['ReportBatchItemFailures'])
  }
})

test('the fan-out is called by the stream of every table that has one, and every other queue and stream by nobody twice', () => {
  const sources = ofType(home, 'AWS::Lambda::EventSourceMapping').map(([, { Properties }]) =>
    (Properties['EventSourceArn'] as { 'Fn::GetAtt': readonly string[] })['Fn::GetAtt'].join('.'),
  )
  expect(sources.sort()).toEqual(
    ['VaultsTable', 'KeysTable', 'IdentityTable']
      .map((id) => `${id}.StreamArn`)
      .concat(['InboxQueue.Arn', 'OutboxQueue.Arn', 'OutcomeQueue.Arn'])
      .sort(),
  )
})

test('each function has its own role, named with its region', () => {
  const functions = ofType(home, 'AWS::Lambda::Function')
  expect(functions.map(([, { Properties }]) => Properties['Role'])).toEqual(
    functions.map(([id]) => ({ 'Fn::GetAtt': [id.replace('LambdaFunction', 'Role'), 'Arn'] })),
  )
  expect(ofType(peer, 'AWS::IAM::Role').map(([, { Properties }]) => Properties['RoleName'])).toEqual(
    Object.keys(grants).map((name) => `vaultspan-prod-us-west-2-${name}`),
  )
})

test('no role names an action by a pattern, or every resource', () => {
  for (const [id] of ofType(home, 'AWS::IAM::Role')) {
    for (const { Action, Resource } of statementsOf(home, id)) {
      expect(JSON.stringify(Action)).not.toContain('*')
      for (const each of [Resource].flat()) expect(each).not.toBe('*')
    }
  }
})

test('backups of all regions lie in one bucket of the home region: versioned, encrypted, private, outliving the stack', () => {
  expect(ofType(peer, 'AWS::S3::Bucket').map(([id]) => id)).toEqual(['ServerlessDeploymentBucket'])
  const { BackupBucket, BackupBucketPolicy } = home.Resources
  for (const resource of [BackupBucket, BackupBucketPolicy]) {
    expect(resource).toMatchObject({ DeletionPolicy: 'RetainExceptOnCreate', UpdateReplacePolicy: 'Retain' })
  }
  expect(BackupBucket?.Properties).toMatchObject({
    BucketName: { 'Fn::Sub': 'vaultspan-prod-backups-us-east-1-${AWS::AccountId}' },
    VersioningConfiguration: { Status: 'Enabled' },
    BucketEncryption: {
      ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
    },
    OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
  })
  const { PublicAccessBlockConfiguration = {} } = BackupBucket?.Properties ?? {}
  expect(Object.values(PublicAccessBlockConfiguration as object)).toEqual([true, true, true, true])
  const [statement, ...others] = (BackupBucketPolicy?.Properties['PolicyDocument'] as { Statement: Statement[] })
    .Statement
  expect(others).toEqual([])
  expect(statement).toMatchObject({
    Effect: 'Deny',
    Principal: '*',
    Resource: [{ 'Fn::GetAtt': ['BackupBucket', 'Arn'] }, { 'Fn::Sub': '${BackupBucket.Arn}/*' }],
    Condition: { Bool: { 'aws:SecureTransport': 'false' } },
  })
})

test('every region’s functions are told of that bucket, and only the roles of those that save and restore name it', () => {
  for (const template of [home, peer]) {
    const name = 'vaultspan-prod-backups-us-east-1-${AWS::AccountId}'
    for (const [, { Properties }] of ofType(template, 'AWS::Lambda::Function')) {
      const { Variables } = Properties['Environment'] as { Variables: Readonly<Record<string, unknown>> }
      expect(Variables['BACKUP_BUCKET']).toEqual({ 'Fn::Sub': name })
    }
    for (const [id] of ofType(template, 'AWS::IAM::Role')) {
      const ofS3 = statementsOf(template, id).filter(({ Action }) => JSON.stringify(Action).includes('s3:'))
      const arn = `arn:\${AWS::Partition}:s3:::${name}`
      const allowed = [
        { Action: ['s3:GetObject', 's3:PutObject'], Resource: [{ 'Fn::Sub': `${arn}/*` }] },
        { Action: ['s3:ListBucket'], Resource: [{ 'Fn::Sub': arn }] },
      ]
      expect(ofS3.map(({ Action, Resource }) => ({ Action, Resource }))).toEqual(id === 'KeysRole' ? allowed : [])
    }
  }
})

test.each([
  // osls makes it: no plain HTTP to the bundles' bucket.
  ['ServerlessDeploymentBucketPolicy', 'AWS::S3::BucketPolicy', ['s3:*']],
  // The same for the backups' bucket.
  ['BackupBucketPolicy', 'AWS::S3::BucketPolicy', ['s3:*']],
  // In a key policy * is the key.
  ['HsmStateKey', 'AWS::KMS::Key', []],
  ['VaultKeksKey', 'AWS::KMS::Key', []],
  ['TableKey', 'AWS::KMS::Key', []],
])('outside the roles only %s has a *', (id, type, patterns) => {
  const { Type, Properties } = home.Resources[id] ?? {}
  expect(Type).toBe(type)
  const { Statement } = (Properties?.['PolicyDocument'] ?? Properties?.['KeyPolicy']) as {
    Statement: readonly Statement[]
  }
  expect(Statement.flatMap(({ Action }) => Action).filter((action) => action.includes('*'))).toEqual(patterns)
  const withPolicies = Object.entries(home.Resources).filter(([, { Type: each }]) => /Policy$|Key$/.test(each))
  expect(withPolicies.map(([name]) => name).sort()).toEqual([
    'BackupBucketPolicy',
    'HsmStateKey',
    'ServerlessDeploymentBucketPolicy',
    'TableKey',
    'VaultKeksKey',
  ])
})

test('a function may send to its peers’ queues in exactly their regions', () => {
  const regionsOf = (template: Template) => {
    const sends = statementsOf(template, 'FanOutRole').find(({ Sid }) => Sid === 'Send')
    return [...new Set(JSON.stringify(sends?.Resource).match(/(?<=:sqs:)[^:]+/g))].sort()
  }
  expect(regionsOf(home)).toEqual(['${AWS', 'us-west-2'])
  expect(regionsOf(peer)).toEqual(['${AWS', 'us-east-1'])
})

test('a wildcard domain serves every vault', () => {
  expect(ofType(peer, 'AWS::ApiGatewayV2::DomainName').map(([, { Properties }]) => Properties['DomainName'])).toEqual([
    'kms.us-west-2.example.com',
    '*.kms.us-west-2.example.com',
  ])
})

test('whatever keeps data outlives its stack, but not the rollback of the deployment that made it', () => {
  // A function's versions are osls's to keep.
  const kept = Object.entries(home.Resources).filter(
    ([, { Type, DeletionPolicy = 'Delete' }]) => DeletionPolicy !== 'Delete' && Type !== 'AWS::Lambda::Version',
  )
  expect(kept.map(([id]) => id).sort()).toEqual(
    [
      ...Object.keys(tableDefinitions).map((name) => `${name}Table`),
      ...['BackupBucket', 'BackupBucketPolicy', 'HsmStateKey', 'TableKey', 'VaultKeksKey'],
    ].sort(),
  )
  for (const [, { DeletionPolicy }] of kept) expect(DeletionPolicy).toBe('RetainExceptOnCreate')
})

test('no queue takes all of the account’s concurrency, and crypto has a share of its own', () => {
  const ofQueues = ofType(home, 'AWS::Lambda::EventSourceMapping').filter(([, { Properties }]) =>
    JSON.stringify(Properties['EventSourceArn']).includes('Queue'),
  )
  expect(ofQueues).toHaveLength(3)
  for (const [, { Properties }] of ofQueues) {
    expect(Properties['ScalingConfig']).toEqual({ MaximumConcurrency: expect.any(Number) as number })
  }
  const reserved = ofType(home, 'AWS::Lambda::Function').filter(
    ([, { Properties }]) => 'ReservedConcurrentExecutions' in Properties,
  )
  expect(reserved.map(([id]) => id)).toEqual(['CryptoLambdaFunction'])
})

test('a message is hidden for longer than its function may take', () => {
  for (const [, { Properties }] of ofType(home, 'AWS::Lambda::EventSourceMapping')) {
    const [source = ''] = (Properties['EventSourceArn'] as { 'Fn::GetAtt': readonly string[] })['Fn::GetAtt']
    const queue = home.Resources[source]
    if (queue?.Type !== 'AWS::SQS::Queue') continue
    const [id = ''] = (Properties['FunctionName'] as { 'Fn::GetAtt': readonly string[] })['Fn::GetAtt']
    const timeout = home.Resources[id]?.Properties['Timeout'] as number
    expect(queue.Properties['VisibilityTimeout']).toBeGreaterThan(timeout)
  }
})

test('the fan-out may do with a stream all that its mapping asks of it', () => {
  const ofStreams = statementsOf(home, 'FanOutRole').filter(({ Sid }) => Sid?.startsWith('Stream'))
  expect(ofStreams).toHaveLength(3)
  for (const { Action } of ofStreams) {
    expect(Action).toEqual(
      ['DescribeStream', 'GetRecords', 'GetShardIterator', 'ListStreams'].map((each) => `dynamodb:${each}`),
    )
  }
})

test('each route is throttled by itself, each request leaves a line, and the API has no name but its domain', () => {
  const { HttpApiStage, HttpApi } = home.Resources
  expect(HttpApiStage?.Properties).toMatchObject({
    DefaultRouteSettings: { DetailedMetricsEnabled: true, ThrottlingRateLimit: 2000, ThrottlingBurstLimit: 4000 },
    AccessLogSettings: { DestinationArn: { 'Fn::GetAtt': ['HttpApiLogGroup', 'Arn'] } },
  })
  const { Format } = HttpApiStage?.Properties['AccessLogSettings'] as { Format: string }
  expect(Format).not.toMatch(/authorization|header/i)
  expect(HttpApi?.Properties['DisableExecuteApiEndpoint']).toBe(true)
})

test('the hand-off’s budget is told to every function, and allows three round trips to the farthest peer', () => {
  for (const [, { Properties }] of ofType(home, 'AWS::Lambda::Function')) {
    const { Variables } = Properties['Environment'] as { Variables: Readonly<Record<string, unknown>> }
    expect(Variables).toMatchObject({
      HANDOFF_BUDGET_MS: '1000',
      KEY_CACHE_MS: '1000',
      CRYPTO_AUDIT: 'on',
      LOG_LEVEL: 'warn',
      AUDIT_RETENTION_DAYS: '365',
    })
  }
  for (const peer of ['us-west-2', 'eu-central-1', 'ap-southeast-2', 'af-south-1', 'xx-new-1']) {
    for (const region of ['us-east-1', 'ap-south-1', 'sa-east-1']) {
      expect(handOffBudgetMs(region, ['us-east-2', peer])).toBeGreaterThan(3 * roundTrip(region, peer))
    }
  }
})

test('somebody is told of lag, dead letters, age, errors, throttles, stopped schedules, slow answers and broken integrity', () => {
  const names = ofType(home, 'AWS::CloudWatch::Alarm').map(([id]) => id)
  const functions = Object.keys(grants).map((name) => `${name.charAt(0).toUpperCase()}${name.slice(1)}`)
  expect(names.sort()).toEqual(
    [
      ...['LagUsWest2', 'LateUsWest2', 'DivergedUsWest2', 'AuditEventsLost', 'TablesPutBack'],
      ...['DeadInbox', 'DeadOutcome', 'DeadOutbox', 'DeadStream', 'AgeInbox', 'AgeOutcome', 'AgeOutbox'],
      ...functions.flatMap((name) => [`Errors${name}`, `Throttles${name}`]),
      ...['StoppedReconcile', 'StoppedSchedule'],
      ...Object.keys(tableDefinitions).flatMap((name) => [`ReadThrottleEvents${name}`, `WriteThrottleEvents${name}`]),
      ...['StreamAge', 'ServerErrors', 'SlowAnswers', 'IntegrityFailures'],
    ].sort(),
  )
})
