import { sendContract } from '../../store/sendContract.ts'
import { onLocalStack } from './onLocalStack.ts'
import { RunQueues } from './queues.ts'

const [region, peer] = ['us-east-1', 'us-west-2']

await onLocalStack('SQS', (aws) => {
  let made: RunQueues
  beforeAll(async () => {
    made = await RunQueues.create(aws, [region, peer])
  })
  afterAll(() => made.delete())

  sendContract('SQS', async () => ({
    queues: made.queues,
    region,
    peer,
    drain: (of) => made.drain({ region: of, name: 'inbox' }),
    close: async () => undefined,
  }))

  test('a peer without the queue is an error', async () => {
    const queues = made.queues
    await made.delete()
    await expect(queues.send({ region: peer, name: 'inbox' }, [{ body: '1' }])).rejects.toThrow()
    made = await RunQueues.create(aws, [])
  })
})
