import { account, administration } from './keyAdministration.ts'
import { outlivesStack } from './tables.ts'

const use = [
  'kms:CreateGrant',
  'kms:Decrypt',
  'kms:DescribeKey',
  'kms:Encrypt',
  'kms:GenerateDataKey',
  'kms:GenerateDataKeyWithoutPlaintext',
  'kms:ReEncryptFrom',
  'kms:ReEncryptTo',
]

/** A key of the deployment's own that encrypts its tables: who disables it closes them. It lasts as long as they do. */
export function tableKey(prefix: string): Record<string, object> {
  return {
    TableKey: {
      Type: 'AWS::KMS::Key',
      ...outlivesStack,
      Properties: {
        Description: `Encrypts the tables of ${prefix}`,
        EnableKeyRotation: true,
        PendingWindowInDays: 30,
        KeyPolicy: {
          Version: '2012-10-17',
          // In a key policy, * is this key.
          Statement: [
            { Effect: 'Allow', Principal: { AWS: account }, Action: administration, Resource: '*' },
            {
              // Whoever may use the tables uses the key, through DynamoDB and in no other way.
              Effect: 'Allow',
              Principal: { AWS: '*' },
              Action: use,
              Resource: '*',
              Condition: {
                StringEquals: {
                  'kms:CallerAccount': { Ref: 'AWS::AccountId' },
                  'kms:ViaService': { 'Fn::Sub': 'dynamodb.${AWS::Region}.amazonaws.com' },
                },
              },
            },
          ],
        },
      },
    },
  }
}
