// Imports go one way (docs/architecture.md). Each row: a room and what it may import inside the repository.
const leaf = '^lib/kms/(errors|ocid|canonicalJson|requireFormat)\\.ts$'
const kmsPorts = '^lib/kms/ports\\.ts$'
const hsmPort = '^lib/hsm/hsm\\.ts$'

const rooms = [
  {
    room: 'handlers',
    from: '^handlers/(?!.*/index\\.ts$)',
    may: ['^handlers/', '^lib/(http|kms|iam|replication)/', hsmPort],
  },
  {
    room: 'handlers-index',
    from: '^handlers/.*/index\\.ts$',
    may: ['^handlers/', '^lib/(http|kms|iam|replication|runtime)/'],
  },
  { room: 'http', from: '^lib/http/', may: ['^lib/http/', '^lib/kms/', '^lib/iam/'] },
  { room: 'kms', from: '^lib/kms/', may: ['^lib/kms/', hsmPort] },
  { room: 'replication', from: '^lib/replication/', may: ['^lib/replication/', '^lib/kms/', hsmPort] },
  { room: 'store', from: '^lib/store/', may: ['^lib/store/', kmsPorts, '^lib/kms/backup/backupPlace\\.ts$', leaf] },
  { room: 'hsm', from: '^lib/hsm/', may: ['^lib/hsm/', leaf] },
  { room: 'iam', from: '^lib/iam/', may: ['^lib/iam/', leaf] },
  { room: 'runtime', from: '^lib/runtime/', may: ['^lib/'] },
  { room: 'client', from: '^client/', may: ['^client/'] },
  {
    room: 'deploy',
    from: '^deploy/',
    may: ['^deploy/', kmsPorts, '^lib/runtime/provisionRegion\\.ts$', '^lib/store/dynamodb/tableDefinitions\\.ts$'],
  },
  {
    room: 'offline',
    from: '^offline/',
    may: ['^offline/', '^deploy/', '^local/', '^handlers/', '^lib/http/', '^lib/store/awsClientOptions\\.ts$'],
  },
  { room: 'local', from: '^local/', may: ['^local/', '^handlers/', '^lib/'] },
]

module.exports = {
  forbidden: [
    ...rooms.map(({ room, from, may }) => ({
      name: `room-${room}`,
      severity: 'error',
      from: { path: from },
      to: { path: '^(handlers|lib|local|offline|deploy|client|console|test|bench)/', pathNot: may },
    })),
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-aws-client-on-sqlite',
      severity: 'error',
      from: { path: '^(local|lib/store/sqlite)/' },
      to: { path: '^lib/store/(dynamodb|sqs|backups/s3Root)', reachable: true },
    },
    {
      name: 'no-dev-dependency-in-product',
      severity: 'error',
      from: { path: '^(handlers|lib)/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
  },
}
