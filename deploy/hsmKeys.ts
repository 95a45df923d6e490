import { grants, type DeployedFunction, type Grants } from './grants.ts'
import { account, administration } from './keyAdministration.ts'
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
  'kms:ReEncryptFrom',
  'kms:ReEncryptTo',
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
    }),
    VaultKeksKey: key(`Wraps the KEKs of the vaults of ${prefix}`, {
      'kms:Decrypt': rolesThat(({ keks }) => keks?.some((use) => use !== 'make')),
      'kms:GenerateDataKey': rolesThat(({ keks }) => keks?.includes('make')),
    }),
  }
}

/**
 * Who administers the key cannot use it, whatever the account's IAM policies say; the roles, which are named by condition
 * because they are made after the key, need a policy of their own besides.
 */
function key(Description: string, uses: Readonly<Record<string, readonly object[]>>): object {
  const ofRoles = Object.entries(uses).flatMap(([action, roles]) => [
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
          { Effect: 'Deny', Principal: { AWS: '*' }, Action: neverUsed, Resource: '*' },
        ],
      },
    },
  }
}
