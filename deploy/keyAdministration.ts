/** The account: whom its IAM policies let. */
export const account = { 'Fn::Sub': 'arn:${AWS::Partition}:iam::${AWS::AccountId}:root' }

/** Wraps anew inside AWS KMS, and shows nothing: each is asked of the key that wrapped and of the one that wraps. */
export const rewrapActions = ['kms:ReEncryptFrom', 'kms:ReEncryptTo']

/** What is done to a key, in distinction to what is done with it. */
export const administration = [
  'kms:CancelKeyDeletion',
  'kms:DescribeKey',
  'kms:DisableKey',
  'kms:EnableKey',
  'kms:EnableKeyRotation',
  'kms:GetKeyPolicy',
  'kms:GetKeyRotationStatus',
  'kms:ListGrants',
  'kms:ListResourceTags',
  'kms:PutKeyPolicy',
  'kms:RevokeGrant',
  'kms:ScheduleKeyDeletion',
  'kms:TagResource',
  'kms:UntagResource',
  'kms:UpdateKeyDescription',
]
