import { grants, type DeployedFunction, type Grants } from './grants.ts'
import { account, administration, rewrapActions } from './keyAdministration.ts'
import { roleName } from './roles.ts'
import { outlivesStack } from './tables.ts'

interface KeyOptions {
  readonly prefix: string
  readonly region: string
}

/** Everything else that a key of AWS KMS could be used for. */
const neverUsed = [
  'kms:CreateGrant',
  'kms:Encrypt',
  'kms:GenerateDataKeyPair',
  'kms:GenerateDataKeyPairWithoutPlaintext',
  'kms:GenerateDataKeyWithoutPlaintext',
]

/**
 * The two keys that a region's material hangs on. One wraps the state of its SIMULATED (software) HSM, which every function
 * opens; the other the KEKs of its vaults, for the functions that work with material. Both outlive the stack: without them
 * the tables are lost.
 */
export function hsmKeys({ prefix, region }: KeyOptions): Record<string, object> {
  const rolesThat = (may: (granted: Grants) => boolean | undefined) =>
    (Object.keys(grants) as DeployedFunction[])
      .filter((name) => may(grants[name]))
      .map((name) => ({
        'Fn::Sub': `arn:\${AWS::Partition}:iam::\${AWS::AccountId}:role/${roleName({ prefix, region }, name)}`,
      }))
  return {
    HsmStateKey: key(`Wraps the state of the simulated HSM of ${prefix}`, {
      'kms:Decrypt': rolesThat(() => true),
      'kms:GenerateDataKey': rolesThat(({ provisions }) => provisions),
      ...ofRewrapping([]),
    }),
    VaultKeksKey: key(`Wraps the KEKs of the vaults of ${prefix}`, {
      'kms:Decrypt': rolesThat(({ keks }) => keks?.some((use) => use === 'open' || use === 'openBackups')),
      'kms:GenerateDataKey': rolesThat(({ keks }) => keks?.includes('make')),
      ...ofRewrapping(rolesThat(({ keks }) => keks?.includes('rewrap'))),
    }),
  }
}

function ofRewrapping(roles: readonly object[]): Readonly<Record<string, readonly object[]>> {
  return Object.fromEntries(rewrapActions.map((action) => [action, roles]))
}

/**
 * Who administers the key cannot use it, whatever the account's IAM policies say; the roles, which are named by condition
 * because they are made after the key, need a policy of their own besides.
 */
function key(Description: string, uses: Readonly<Record<string, readonly object[]>>): object {
  const used = Object.entries(uses).filter(([, roles]) => roles.length > 0)
  const unused = Object.keys(uses).filter((action) => uses[action]?.length === 0)
  const ofRoles = used.flatMap(([action, roles]) => [
    {
      Effect: 'Allow',
      Principal: { AWS: account },
      Action: [action],
      Resource: '*',
      Condition: { ArnEquals: { 'aws:PrincipalArn': roles } },
    },
    {
      Effect: 'Deny',
      Principal: { AWS: '*' },
      Action: [action],
      Resource: '*',
      Condition: { ArnNotEquals: { 'aws:PrincipalArn': roles } },
    },
  ])
  return {
    Type: 'AWS::KMS::Key',
    ...outlivesStack,
    Properties: {
      Description,
      EnableKeyRotation: true,
      PendingWindowInDays: 30,
      KeyPolicy: {
        Version: '2012-10-17',
        // In a key policy, * is this key.
        Statement: [
          { Effect: 'Allow', Principal: { AWS: account }, Action: administration, Resource: '*' },
          ...ofRoles,
          { Effect: 'Deny', Principal: { AWS: '*' }, Action: [...neverUsed, ...unused], Resource: '*' },
        ],
      },
    },
  }
}
