import { startLocalStack, type Emulator } from '../../../offline/startLocalStack.ts'
import { startDynamoDbLocal } from './startDynamoDbLocal.ts'

/** What has tables: DynamoDB Local where DYNAMODB_LOCAL_DIR asks for it, else LocalStack. */
export async function startDynamoDb(options: { readonly mayPull: boolean }): Promise<Emulator | string> {
  const local = await startDynamoDbLocal()
  if (typeof local !== 'string') return local
  const localStack = await startLocalStack(options)
  return typeof localStack === 'string' ? `${localStack}; ${local}` : localStack
}
