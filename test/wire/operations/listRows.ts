import type { OperationName } from '../../../lib/http/operations.ts'
import { sendTo } from './sendTo.ts'
import { invalid, missing, type Row } from './row.ts'

/** Queries that a list refuses; what the client would not send goes by hand. */
type Query = readonly [tried: string, query: string]

const paged: readonly Query[] = [
  ['a limit of 0', 'limit=0'],
  ['a limit of 1001', 'limit=1001'],
  ['a limit that is no number', 'limit=ten'],
]
const tokens: readonly Query[] = [
  ['a page that is no token', 'page=x'],
  ["another list's page token", `page=${Buffer.from('["another","place"]').toString('base64url')}`],
]
const sorted: readonly Query[] = [
  ['an unknown sortBy', 'sortBy=SIZE'],
  ['an unknown sortOrder', 'sortOrder=UP'],
]
const list = [...paged, ...tokens, ...sorted]
const range = 'startTime=2026-01-01T00:00:00Z&endTime=2026-01-02T00:00:00Z'

const invalidQueries: Partial<Record<OperationName, readonly Query[]>> = {
  ListVaults: list,
  ListVaultReplicas: list,
  ListKeys: [
    ...list,
    ['an unknown algorithm', 'algorithm=DES'],
    ['an unknown protectionMode', 'protectionMode=NONE'],
    ['an unknown curveId', 'curveId=P256'],
    ['a length that is no number', 'length=long'],
  ],
  ListKeyVersions: list,
  ListPolicies: list,
  ListWorkRequests: list,
  ListUsers: [...list, ['an unknown lifecycleState', 'lifecycleState=NEW']],
  ListGroups: [...list, ['an unknown lifecycleState', 'lifecycleState=NEW']],
  ListDynamicGroups: [...list, ['an unknown lifecycleState', 'lifecycleState=NEW']],
  ListUserGroupMemberships: [...paged, ...tokens],
  ListTags: [...list, ['an unknown lifecycleState', 'lifecycleState=NEW']],
  ListTagDefaults: [...list, ['an unknown lifecycleState', 'lifecycleState=NEW']],
  AssembleEffectiveTagSet: [['an unknown lifecycleState', 'lifecycleState=NEW']],
  ListTagNamespaces: [
    ...list,
    ['an unknown lifecycleState', 'lifecycleState=NEW'],
    ['an includeSubcompartments that is neither true nor false', 'includeSubcompartments=1'],
  ],
  ListCompartments: [
    ...list,
    ['an unknown accessLevel', 'accessLevel=SOME'],
    ['an unknown lifecycleState', 'lifecycleState=NEW'],
  ],
  ListKeyVersionUsage: [
    ...[...paged, ...tokens].map(([tried, query]): Query => [tried, `from=2026-01-01&to=2026-01-02&${query}`]),
    ['a from after to', 'from=2026-01-02&to=2026-01-01'],
    ['a day that no month has', 'from=2026-02-30&to=2026-03-01'],
    ['more than a year', 'from=2024-01-01&to=2026-01-01'],
    ['an unknown format', 'from=2026-01-01&to=2026-01-02&format=xml'],
  ],
  ListEvents: [
    ...tokens.map(([tried, query]): Query => [tried, `${range}&${query}`]),
    ['a startTime after endTime', 'startTime=2026-01-02T00:00:00Z&endTime=2026-01-01T00:00:00Z'],
    ['a startTime that is no time', 'startTime=yesterday&endTime=2026-01-01T00:00:00Z'],
    ['an endTime of the year 9999', 'startTime=2026-01-01T00:00:00Z&endTime=9999-01-01T00:00:00Z'],
  ],
}

const withCompartment = [
  'ListVaults',
  'ListKeys',
  'ListPolicies',
  'ListCompartments',
  'ListEvents',
  'ListUsers',
  'ListGroups',
  'ListDynamicGroups',
  'ListUserGroupMemberships',
  'ListWorkRequests',
  'ListTagNamespaces',
  'ListTagDefaults',
  'AssembleEffectiveTagSet',
  'ListAvailabilityDomains',
  'ListFaultDomains',
  'GetConfiguration',
] as const
const missingParameters: Partial<Record<OperationName, readonly Query[]>> = {
  ...Object.fromEntries(withCompartment.map((operation) => [operation, [['no compartmentId', range] as const]])),
  ListKeyVersionUsage: [
    ['no from', 'to=2026-01-01'],
    ['no to', 'from=2026-01-01'],
  ],
}

function rows(queries: typeof invalidQueries, expected: string): readonly Row[] {
  return Object.entries(queries).flatMap(([name, each]) => {
    const operation = name as OperationName
    const isByCompartment = expected === invalid && withCompartment.some((other) => other === operation)
    return each.map(([tried, query]): Row => ({
      operation,
      tried,
      expected,
      prepare:
        ({ administrator, ready }) =>
        () => {
          const compartment = isByCompartment ? `compartmentId=${ready.compartmentId}&` : ''
          return sendTo(administrator, operation, ready, undefined, `?${compartment}${query}`)
        },
    }))
  })
}

export const listRows: readonly Row[] = [...rows(invalidQueries, invalid), ...rows(missingParameters, missing)]
