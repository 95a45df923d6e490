import { createHash } from 'node:crypto'
import { SQSClient } from '@aws-sdk/client-sqs'
import { SqsQueues } from '../../lib/store/sqs/sqsQueues.ts'
import { noWaiting, ScriptedHttp, type Answer, type Asked, type Script } from './scriptedHttp.ts'

interface Entry {
  readonly Id: string
  readonly MessageBody: string
}

const entries = ({ body }: Asked): readonly Entry[] => body['Entries'] as readonly Entry[]
const bodies = (asked: Asked | undefined) => asked && entries(asked).map(({ MessageBody }) => MessageBody)

/** Takes all messages but those with these bodies. */
function taking(refuses: readonly string[], SenderFault = false): (asked: Asked) => Answer {
  return (asked) => ({
    status: 200,
    body: {
      Successful: entries(asked)
        .filter(({ MessageBody }) => !refuses.includes(MessageBody))
        .map(({ Id, MessageBody }) => ({
          Id,
          MessageId: Id,
          MD5OfMessageBody: createHash('md5').update(MessageBody).digest('hex'),
        })),
      Failed: entries(asked)
        .filter(({ MessageBody }) => refuses.includes(MessageBody))
        .map(({ Id }) => ({ Id, SenderFault, Code: 'InternalError' })),
    },
  })
}

function open(...answers: Script) {
  const http = new ScriptedHttp(answers)
  const { waits, backOffPorts } = noWaiting()
  const client = new SQSClient({ ...http.clientOptions(), maxAttempts: 2 })
  const urlOf = () => 'https://sqs.us-east-1.amazonaws.com/000000000000/inbox'
  return { queues: new SqsQueues({ clientOf: () => client, urlOf, ...backOffPorts }), http, waits }
}

const to = { region: 'us-east-1', name: 'inbox' } as const
const messages = ['1', '2', '3'].map((body) => ({ body }))

test('what SQS did not take of a batch is sent again, and nothing else', async () => {
  const { queues, http, waits } = open(taking(['1', '3']), taking(['3']), taking([]))
  await queues.send(to, messages)
  expect(http.asked.map(bodies)).toEqual([['1', '2', '3'], ['1', '3'], ['3']])
  expect(waits).toEqual([20, 40])
})

test('what SQS never takes is an error, after bounded waits', async () => {
  const { queues, http } = open(taking(['2']))
  await expect(queues.send(to, messages)).rejects.toThrow('1 of 3 messages were not taken by us-east-1/inbox')
  expect(http.asked).toHaveLength(8)
})

test('what SQS will not take from us is an error at once', async () => {
  const { queues, http } = open(taking(['2'], true))
  await expect(queues.send(to, messages)).rejects.toThrow('InternalError')
  expect(http.asked).toHaveLength(1)
})

test('a lost answer is asked for again: a message may arrive twice, never not at all', async () => {
  const { queues, http } = open('lost', taking([]))
  await queues.send(to, messages)
  expect(http.asked.map(bodies)).toEqual([
    ['1', '2', '3'],
    ['1', '2', '3'],
  ])
})

test('a message of bare control characters is refused before anything is sent', async () => {
  const { queues, http } = open(taking([]))
  await expect(queues.send(to, [...messages, { body: '"\u0000"' }])).rejects.toThrow(RangeError)
  expect(http.asked).toEqual([])
})
