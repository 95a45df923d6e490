import type { ConsumedCapacity, DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { SQSClient } from '@aws-sdk/client-sqs'

/** What calls of AWS have consumed, as the answers themselves say. */
export interface Consumed {
  reads: number
  writes: number
  transactionWrites: number
  messages: number
  readUnits: number
  writeUnits: number
}

export function nothing(): Consumed {
  return { reads: 0, writes: 0, transactionWrites: 0, messages: 0, readUnits: 0, writeUnits: 0 }
}

interface Answer {
  readonly output: { readonly ConsumedCapacity?: ConsumedCapacity | readonly ConsumedCapacity[] }
}

/** Adds up what a client's calls consume from now on. */
export function countConsumed(client: DynamoDBClient, total: Consumed): void {
  client.middlewareStack.add(
    (next, { commandName = '' }) =>
      async (args) => {
        const input = args.input as { ReturnConsumedCapacity?: string; TransactItems?: readonly unknown[] }
        const isOfItems = /^(GetItem|Query|PutItem|UpdateItem|DeleteItem|TransactWriteItems)Command$/.test(commandName)
        if (!isOfItems) return next(args)
        input.ReturnConsumedCapacity = 'TOTAL'
        const answer = await next(args)
        const { ConsumedCapacity = [] } = (answer as unknown as Answer).output
        const units = [ConsumedCapacity].flat().reduce((sum, { CapacityUnits = 0 }) => sum + CapacityUnits, 0)
        if (/^(GetItem|Query)/.test(commandName)) {
          total.reads += 1
          total.readUnits += units
        } else {
          total.writeUnits += units
          if (input.TransactItems === undefined) total.writes += 1
          else total.transactionWrites += input.TransactItems.length
        }
        return answer
      },
    { step: 'initialize' },
  )
}

export function countMessages(client: SQSClient, total: Consumed): void {
  client.middlewareStack.add(
    (next, { commandName = '' }) =>
      async (args) => {
        const { Entries = [{}] } = args.input as { Entries?: readonly unknown[] }
        if (commandName.startsWith('SendMessage')) total.messages += Entries.length
        return next(args)
      },
    { step: 'initialize' },
  )
}
