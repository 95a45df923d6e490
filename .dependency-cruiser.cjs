// Imports go one way (docs/architecture.md). Each row: a room and what it may import inside the repository.
/** The words that all rooms use: they import nothing but each other. */
const words = '^lib/[A-Za-z0-9]+\\.ts$'
/** The port, and the table of algorithms that it speaks of. */
const hsmPort = '^lib/hsm/(hsm|algorithms)\\.ts$'

const rooms = [
  {
    room: 'handlers',
    from: '^handlers/(?!.*/index\\.ts$)',
    may: ['^handlers/', '^lib/(http|kms|iam|replication)/', hsmPort, words],
  },
  {
    room: 'handlers-index',
    from: '^handlers/.*/index\\.ts$',
    may: ['^handlers/', '^lib/(http|kms|iam|replication|runtime|aws)/', words],
  },
  { room: 'words', from: words, may: [words] },
  { room: 'http', from: '^lib/http/', may: ['^lib/(http|kms|iam)/', '^lib/hsm/algorithms\\.ts$', words] },
  { room: 'kms', from: '^lib/kms/', may: ['^lib/kms/', hsmPort, words] },
  { room: 'replication', from: '^lib/replication/', may: ['^lib/(replication|kms)/', hsmPort, words] },
  { room: 'store', from: '^lib/store/', may: ['^lib/store/', '^lib/kms/backup/backupPlace\\.ts$', words] },
  { room: 'hsm', from: '^lib/hsm/', may: ['^lib/hsm/', words] },
  { room: 'iam', from: '^lib/iam/', may: ['^lib/iam/', words] },
  { room: 'runtime', from: '^lib/runtime/', may: ['^lib/(?!aws/)'] },
  { room: 'aws', from: '^lib/aws/', may: ['^lib/'] },
  { room: 'client', from: '^client/', may: ['^client/'] },
  {
    room: 'deploy',
    from: '^deploy/',
    may: [
      '^deploy/',
      words,
      '^local/(cli/commandLine|runCommand|makeFolder|audit/(exportFile|tableExport))\\.ts$',
      '^lib/aws/(provisionRegion|putBack/recoverRegion)\\.ts$',
      '^lib/replication/takeBack/(recover|standing)\\.ts$',
      '^lib/runtime/tenancyInRegions\\.ts$',
      '^lib/http/operations\\.ts$',
      '^lib/store/dynamodb/tableDefinitions\\.ts$',
    ],
  },
  {
    room: 'offline',
    from: '^offline/',
    may: [
      '^offline/',
      '^deploy/',
      '^local/',
      '^handlers/',
      '^lib/http/',
      '^lib/replication/lagWindow\\.ts$',
      words,
      '^lib/store/awsClientOptions\\.ts$',
    ],
  },
  { room: 'local', from: '^local/', may: ['^local/', '^handlers/', '^lib/'] },
]

/** Inside a room nothing imports upwards: each storey may import itself and those before it. */
const storeys = {
  'lib/iam': ['^lib/iam/[A-Za-z]+\\.', '^lib/iam/signature/', '^lib/iam/oidc/'],
  'lib/kms': [
    '^lib/kms/(rows|usage)/',
    '^lib/kms/([A-Za-z]+\\.ts$|auditChain/)',
    '^lib/kms/identity/',
    '^lib/kms/vaults/',
    '^lib/kms/keys/',
    '^lib/kms/(schedule|backup)/',
  ],
  'lib/hsm': [
    '^lib/hsm/[A-Za-z]+\\.ts$',
    '^lib/hsm/primitives/',
    '^lib/hsm/formats/',
    '^lib/hsm/software/',
    '^lib/hsm/recovery/',
    '^lib/hsm/pkcs11/',
  ],
  'lib/hsm/pkcs11': [
    // The library's functions; sessions with a token; what stays in one; what is wrapped under that; tokens of private vaults; making and saving tokens.
    '^lib/hsm/pkcs11/library/',
    '^lib/hsm/pkcs11/token/',
    '^lib/hsm/pkcs11/roots/',
    '^lib/hsm/pkcs11/keys/',
    '^lib/hsm/pkcs11/vaults/',
    '^lib/hsm/pkcs11/(ceremony/|pkcs11Hsm\\.ts$)',
  ],
  local: [
    // What a machine has: files, ports, names, certificates, tokens; one thread's answers and pumps.
    '^local/((?!main|vaultspan)[A-Za-z]+\\.ts$|(directory|gateway|names|tls|hsm|pumps|metrics)/)',
    // One region, and its threads.
    '^local/(region|workers)/',
    // What a running service is asked and told.
    '^local/(control|status)/',
    // Regions together: in one process, in several, on several machines.
    '^local/(cloud|processes|apart|init|snapshot|doctor|audit)/',
    '^local/(cli|tour)/',
  ],
}

/** Rooms whose storeys may know each other's types. */
const knowTypes = ['local', 'lib/hsm/pkcs11']

const upwards = Object.entries(storeys).flatMap(([room, of]) =>
  of.slice(0, -1).map((from, index) => ({
    name: `upwards-${room.replaceAll('/', '-')}-${index}`,
    severity: 'error',
    from: { path: from },
    to: { path: of.slice(index + 1), ...(knowTypes.includes(room) ? { dependencyTypesNot: ['type-only'] } : {}) },
  })),
)

module.exports = {
  forbidden: [
    ...rooms.map(({ room, from, may }) => ({
      name: `room-${room}`,
      severity: 'error',
      from: { path: from },
      to: { path: '^(handlers|lib|local|offline|deploy|client|console|test|bench)/', pathNot: may },
    })),
    ...upwards,
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
