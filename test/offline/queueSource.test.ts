import { queueSource } from '../../offline/queueSource.ts'
import type { EventSource } from '../../offline/regionStack.ts'

const source: EventSource = {
  kind: 'queue',
  source: 'http://queue',
  functionName: 'apply',
  batchSize: 10,
  maxRetries: Infinity,
  deadLetters: undefined,
}

/** A queue of three messages, and which of them were deleted. */
function withFunction(answer: () => Promise<{ batchItemFailures: { itemIdentifier: string }[] }>) {
  const deleted: unknown[] = []
  const errors: unknown[] = []
  const send = async (command: object) => {
    if (command.constructor.name === 'DeleteMessageBatchCommand') {
      deleted.push(...(command as { input: { Entries: { ReceiptHandle: string }[] } }).input.Entries)
      return {}
    }
    const Messages = ['a', 'b', 'c'].map((id) => ({ MessageId: id, Body: id, ReceiptHandle: `handle ${id}` }))
    return { Messages }
  }
  const step = queueSource(source, { sqs: { send } as never, invoke: answer, onError: (cause) => errors.push(cause) })
  return { deleted, errors, step }
}

test('what the function reports as failed stays in the queue, all else is deleted', async () => {
  const { deleted, step } = withFunction(async () => ({ batchItemFailures: [{ itemIdentifier: 'b' }] }))
  await step()
  expect(deleted).toEqual([
    { Id: '0', ReceiptHandle: 'handle a' },
    { Id: '1', ReceiptHandle: 'handle c' },
  ])
})

test('where the function fails as a whole nothing is deleted, and the error is told', async () => {
  const { deleted, errors, step } = withFunction(async () => {
    throw new Error('a bug')
  })
  await step()
  expect(deleted).toEqual([])
  expect(errors).toEqual([expect.objectContaining({ message: 'a bug' })])
})
