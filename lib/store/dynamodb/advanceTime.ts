import { ConditionalCheckFailedException, UpdateItemCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { TimeAdvanced, TimeStep } from '../../ports.ts'
import { advanceExpiry } from '../advance.ts'
import { itemOf } from './itemImage.ts'

export interface TimePlace {
  readonly TableName: string
  readonly pk: string
  readonly sk: string
}

/** Two who take turns at the edge of a time that passes may meet once; nobody meets it so often. */
const maxTries = 8

/**
 * The port's `advance` as one conditional update: an idle time starts from now, a running one is added to. Which of the two
 * it is says the item itself, when the other was tried.
 */
export async function advanceTime(client: DynamoDBClient, place: TimePlace, step: TimeStep): Promise<TimeAdvanced> {
  const idle = { SET: ':start', where: 'attribute_not_exists(#until) OR #until <= :now' }
  const running = { SET: '#until + :step', where: '#until > :now AND #until <= :last' }
  let wanted = idle
  for (let tries = 0; ; tries += 1) {
    try {
      const { Attributes } = await client.send(update(place, step, wanted))
      return { ok: true, until: Number(Attributes?.['until']?.N) }
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException) || tries >= maxTries) throw error
      const until = Number(error.Item === undefined ? 0 : (itemOf(error.Item)['until'] ?? 0))
      if (until > step.now && until + step.stepMs > step.latest) return { ok: false, until }
      wanted = until > step.now ? running : idle
    }
  }
}

function update(
  { TableName, pk, sk }: TimePlace,
  step: TimeStep,
  { SET, where }: { readonly SET: string; readonly where: string },
): UpdateItemCommand {
  const { now, stepMs, latest } = step
  const values = { now, ...(SET === ':start' ? { start: now + stepMs } : { step: stepMs, last: latest - stepMs }) }
  return new UpdateItemCommand({
    TableName,
    Key: { pk: { S: pk }, sk: { S: sk } },
    UpdateExpression: `SET #until = ${SET}, expiresAt = :expiry`,
    ConditionExpression: where,
    ExpressionAttributeNames: { '#until': 'until' },
    ExpressionAttributeValues: Object.fromEntries(
      Object.entries({ ...values, expiry: advanceExpiry(step) }).map(([name, value]) => [
        `:${name}`,
        { N: String(value) },
      ]),
    ),
    ReturnValues: 'UPDATED_NEW',
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  })
}
