import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb'
import { Deadline, keepWithin } from '../../../lib/aws/deadline.ts'
import { until } from '../../harness/until.ts'
import { ScriptedHttp, type Script } from '../../store/scriptedHttp.ts'

const unavailable = { code: 'unavailable', retryAfter: 1 }
const get = new GetItemCommand({ TableName: 'Vaults', Key: { pk: { S: 'a' }, sk: { S: 'b' } } })
const failing = (name: string, status = 400) => ({
  status,
  body: { __type: `com.amazonaws.dynamodb.v20120810#${name}` },
})

function open(deadline: Deadline, ...answers: Script) {
  const http = new ScriptedHttp(answers)
  return { http, client: keepWithin(new DynamoDBClient({ ...http.clientOptions(), maxAttempts: 3 }), deadline) }
}

test('a call whose time is over is not made', async () => {
  const deadline = new Deadline()
  deadline.set(0)
  const { http, client } = open(deadline, { status: 200, body: {} })
  await expect(client.send(get)).rejects.toMatchObject(unavailable)
  expect(http.asked).toEqual([])
  deadline.set()
  await client.send(get)
  expect(http.asked).toHaveLength(1)
})

test('a call is not tried again when its time is over meanwhile', async () => {
  const deadline = new Deadline()
  const { http, client } = open(deadline, () => {
    deadline.set(0)
    return failing('InternalServerError', 500)
  })
  await expect(client.send(get)).rejects.toMatchObject(unavailable)
  expect(http.asked).toHaveLength(1)
})

test('nobody waits longer than until the deadline for a call that stands still', async () => {
  const deadline = new Deadline()
  const { client, http } = open(deadline)
  http.handle = () => new Promise(() => undefined)
  deadline.set(50)
  await expect(client.send(get)).rejects.toMatchObject(unavailable)
})

test('a call that was given up is not tried again within the time of the next invocation', async () => {
  const deadline = new Deadline()
  const { client, http } = open(deadline)
  let breakOff: (error: Error) => void = () => undefined
  let tries = 0
  http.handle = () => {
    tries += 1
    return new Promise((_resolve, reject) => (breakOff = reject))
  }
  deadline.set(60_000)
  const own = globalThis.setTimeout
  let passes: () => void = () => undefined
  globalThis.setTimeout = Object.assign((end: () => void, ms?: number) => {
    if (ms !== undefined && ms > 50_000) passes = end
    return own(end, ms)
  }, own)
  try {
    const sent = client.send(get)
    sent.catch(() => undefined)
    await until(() => tries === 1)
    passes()
    await expect(sent).rejects.toMatchObject(unavailable)
  } finally {
    globalThis.setTimeout = own
  }
  deadline.set()
  breakOff(Object.assign(new Error('Reset.'), { code: 'ECONNRESET' }))
  await new Promise((done) => setTimeout(done, 500))
  expect(tries).toBe(1)
})

test.each([
  ['a broken connection', 'lost'],
  ['a throttled table', failing('ProvisionedThroughputExceededException')],
  ['a throttled account', failing('ThrottlingException')],
  ['a fault of AWS', failing('InternalServerError', 500)],
] as const)('%s is tried again, and then told as unavailable', async (_what, answer) => {
  const { http, client } = open(new Deadline(), answer)
  await expect(client.send(get)).rejects.toMatchObject(unavailable)
  expect(http.asked).toHaveLength(3)
})

test('what no repetition cures is told as it is', async () => {
  const { client } = open(new Deadline(), failing('ValidationException'))
  await expect(client.send(get)).rejects.toMatchObject({ name: 'ValidationException' })
})
