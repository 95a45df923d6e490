import { grants, type DeployedFunction } from '../../../deploy/grants.ts'
import { stateContext } from '../../../lib/aws/hsmStateRow.ts'
import type { EncryptionContext } from '../../../lib/aws/kms/keyService.ts'
import { kekContext } from '../../../lib/aws/kms/wrappedKeks.ts'
import { backupContext } from '../../../lib/kms/backup/backupKeys.ts'
import { account, mayUseKey, type PolicyStatement } from '../harness/mayUseKey.ts'
import { packagedTemplates, statementsOf, type Template } from './packagedTemplate.ts'

/** What AWS would allow with the template's roles and key policies; no emulator judges either. */

const region = 'us-east-1'
const here = { region, resourcePrefix: 'vaultspan-prod' }
const tenancyId = 'ocid1.tenancy.oc1..acme'
const vault = { tenancyId, vaultId: 'ocid1.vault.oc1.iad.v.one' }
const ofState = stateContext(here)
const ofVault = kekContext(here, vault)
const ofBackups = kekContext(here, backupContext(tenancyId))

let template: Template
beforeAll(async () => {
  ;[template] = await packagedTemplates('--stage', 'prod')
})

function policyOf(key: string): readonly PolicyStatement[] {
  const { KeyPolicy } = template.Resources[key]?.Properties as { KeyPolicy: { Statement: readonly PolicyStatement[] } }
  return KeyPolicy.Statement
}

function roleOf(name: DeployedFunction): { arn: string; statements: readonly PolicyStatement[] } {
  const { RoleName, Policies } = template.Resources[`${name.charAt(0).toUpperCase()}${name.slice(1)}Role`]
    ?.Properties as {
    RoleName: string
    Policies: readonly { PolicyDocument: { Statement: readonly PolicyStatement[] } }[]
  }
  const ofKeys = Policies.flatMap(({ PolicyDocument }) => PolicyDocument.Statement).filter(({ Action }) =>
    JSON.stringify(Action).includes('kms:'),
  )
  return { arn: `arn:aws:iam::${account}:role/${RoleName}`, statements: ofKeys }
}

const functions = Object.keys(grants) as DeployedFunction[]

function whoMay(action: string, key: string, context: EncryptionContext): readonly string[] {
  return functions.filter((name) => {
    const { arn, statements } = roleOf(name)
    return mayUseKey(
      { principal: arn, action, key, context },
      { ofPrincipal: statements, ofKey: policyOf(key) },
      region,
    )
  })
}

/** Written out, so that whoever lets another function open keys changes this list too. */
const openers = ['keys', 'crypto', 'outcome', 'schedule']

test('only the functions that work with material open a vault’s KEKs: not those that list vaults, identity or audit, nor the one that the streams call', () => {
  expect(whoMay('kms:Decrypt', 'VaultKeksKey', ofVault)).toEqual(openers)
})

test('the keys of a tenancy’s backups are opened by the function that saves and restores and by the one that sends them', () => {
  expect(whoMay('kms:Decrypt', 'VaultKeksKey', ofBackups)).toEqual(['keys', 'apply'])
})

test('only the functions that make vaults or receive them make data keys for KEKs', () => {
  for (const context of [ofVault, ofBackups])
    expect(whoMay('kms:GenerateDataKey', 'VaultKeksKey', context)).toEqual(['vault', 'keys', 'apply', 'provision'])
})

test('provisioning alone has KEKs wrapped anew, which opens none', () => {
  for (const action of ['kms:ReEncryptFrom', 'kms:ReEncryptTo']) {
    for (const context of [ofVault, ofBackups]) expect(whoMay(action, 'VaultKeksKey', context)).toEqual(['provision'])
    expect(whoMay(action, 'VaultKeksKey', { ...ofVault, 'vaultspan:region': 'us-west-2' })).toEqual([])
    expect(whoMay(action, 'HsmStateKey', ofState)).toEqual([])
  }
})

test('every function opens the HSM’s state, and provisioning alone may write it', () => {
  expect(whoMay('kms:Decrypt', 'HsmStateKey', ofState)).toEqual(functions)
  expect(whoMay('kms:GenerateDataKey', 'HsmStateKey', ofState)).toEqual(['provision'])
})

test.each([
  ['another region', { ...ofVault, 'vaultspan:region': 'us-west-2' }],
  ['another stage', { ...ofVault, 'vaultspan:deployment': 'vaultspan-dev' }],
  ['another purpose', { ...ofVault, 'vaultspan:purpose': 'simulated-hsm-state' }],
  ['no vault', Object.fromEntries(Object.entries(ofVault).filter(([name]) => name !== 'vaultspan:vault'))],
  ['no tenancy', Object.fromEntries(Object.entries(ofVault).filter(([name]) => name !== 'vaultspan:tenancy'))],
  ['no context', {}],
])('for %s nobody opens anything', (_what, context) => {
  expect(whoMay('kms:Decrypt', 'VaultKeksKey', context)).toEqual([])
})

test('neither key serves the other’s purpose', () => {
  expect(whoMay('kms:Decrypt', 'HsmStateKey', ofVault)).toEqual([])
  expect(whoMay('kms:Decrypt', 'VaultKeksKey', ofState)).toEqual([])
})

const everything: readonly PolicyStatement[] = [{ Effect: 'Allow', Action: ['*'], Resource: ['*'] }]
const uses = [
  'Decrypt',
  'GenerateDataKey',
  'GenerateDataKeyWithoutPlaintext',
  'Encrypt',
  'ReEncryptFrom',
  'CreateGrant',
]

test.each([
  ['an administrator of the account', `arn:aws:iam::${account}:role/Administrator`],
  ['the account’s root user', `arn:aws:iam::${account}:root`],
  ['the same function of another region', `arn:aws:iam::${account}:role/vaultspan-prod-us-west-2-crypto`],
  ['another stage’s function', `arn:aws:iam::${account}:role/vaultspan-dev-us-east-1-crypto`],
])('%s administers the keys and uses neither, whatever its own policies allow', (_who, principal) => {
  for (const [key, context] of [
    ['HsmStateKey', ofState],
    ['VaultKeksKey', ofVault],
  ] as const) {
    const may = (action: string) =>
      mayUseKey(
        { principal, action: `kms:${action}`, key, context },
        { ofPrincipal: everything, ofKey: policyOf(key) },
        region,
      )
    expect(uses.filter(may)).toEqual([])
    expect(may('PutKeyPolicy')).toBe(true)
  }
})

test.each(['HsmStateKey', 'VaultKeksKey'])(
  'who is not named in the policy of %s is denied its uses, whatever else a statement of that policy were to allow',
  (key) => {
    const context = key === 'HsmStateKey' ? ofState : ofVault
    const opened = [...policyOf(key), { Effect: 'Allow', Principal: { AWS: '*' }, Action: '*', Resource: '*' }]
    const may = (principal: string, action: string) =>
      mayUseKey({ principal, action, key, context }, { ofPrincipal: everything, ofKey: opened }, region)
    const all = [...uses, 'ReEncryptTo', 'GenerateDataKeyPair', 'GenerateDataKeyPairWithoutPlaintext']
    const administrator = `arn:aws:iam::${account}:role/Administrator`
    expect(all.filter((use) => may(administrator, `kms:${use}`))).toEqual([])
    for (const use of all) {
      const allowed = functions.filter((name) => may(roleOf(name).arn, `kms:${use}`))
      const named = functions.filter((name) =>
        mayUseKey(
          { principal: roleOf(name).arn, action: `kms:${use}`, key, context },
          { ofPrincipal: everything, ofKey: policyOf(key) },
          region,
        ),
      )
      expect([use, allowed]).toEqual([use, named])
    }
  },
)

test('a function whose own policies allow everything still opens no KEK that is not its own to open', () => {
  const ofKey = policyOf('VaultKeksKey')
  const may = functions.filter((name) =>
    mayUseKey(
      { principal: roleOf(name).arn, action: 'kms:Decrypt', key: 'VaultKeksKey', context: ofVault },
      { ofPrincipal: everything, ofKey },
      region,
    ),
  )
  // `apply` is kept to the backups' keys by its role alone.
  expect(may.filter((name) => name !== 'apply')).toEqual(openers)
})

test('only provisioning may write the HSM’s state, and two functions the tables’ marks; who else writes that table is denied these rows', () => {
  for (const name of Object.keys(grants)) {
    const statements = statementsOf(template, `${name.charAt(0).toUpperCase()}${name.slice(1)}Role`)
    const replication = statements.find(({ Sid }) => Sid === 'Replication')?.Action ?? []
    const denied = statements.filter(({ Sid, Effect }) => Sid === 'KeepHsmState' && Effect === 'Deny')
    const writes = ['dynamodb:PutItem', 'dynamodb:DeleteItem'].some((action) => replication.includes(action))
    const marks = ['reconcile', 'recover'].includes(name)
    const kept = [...(name === 'provision' ? [] : ['hsm']), ...(marks ? [] : ['tableMark'])]
    expect(denied.map(({ Condition }) => Condition)).toEqual(
      writes ? [{ 'ForAnyValue:StringEquals': { 'dynamodb:LeadingKeys': kept } }] : [],
    )
    expect(statements.some(({ Sid }) => Sid === 'Mark')).toBe(marks)
  }
})

test('every function may read what its peers know of its tables, and nothing else of theirs', () => {
  for (const name of Object.keys(grants)) {
    const statements = statementsOf(template, `${name.charAt(0).toUpperCase()}${name.slice(1)}Role`)
    const far = statements.filter(({ Resource }) => JSON.stringify(Resource).includes(':dynamodb:us-west-2:'))
    expect(far).toEqual([
      {
        Sid: 'AskPeers',
        Effect: 'Allow',
        Action: ['dynamodb:GetItem'],
        Resource: [
          {
            'Fn::Sub': 'arn:${AWS::Partition}:dynamodb:us-west-2:${AWS::AccountId}:table/vaultspan-prod-Replication',
          },
        ],
        Condition: { 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': ['peerMark'] } },
      },
    ])
  }
})
