import { Readable } from 'node:stream'
import { s3Root } from '../../lib/store/backups/s3Root.ts'

interface Asked {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}

interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Readable
}

const refusal = (status: number, code: string): Answer => ({
  status,
  headers: { 'content-type': 'application/xml' },
  body: Readable.from([`<?xml version="1.0"?><Error><Code>${code}</Code><Message>inner workings</Message></Error>`]),
})

/** The SDK's own client speaks; only the wire is a script. The last answer is given again and again. */
function open(...answers: readonly (() => Answer)[]) {
  const asked: Asked[] = []
  const handle = async (request: Asked) => {
    const { status, headers = {}, body = Readable.from([]) } = (answers[asked.length] ?? answers.at(-1))?.() as Answer
    asked.push(request)
    return { response: { statusCode: status, headers, body } }
  }
  const root = s3Root({
    bucket: 'backups',
    accountId: '123456789012',
    client: {
      region: 'us-east-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      maxAttempts: 2,
      requestHandler: { handle },
    },
  })
  return { root, asked }
}

test('every request names whose bucket it must be, so that nothing goes to one that somebody else took', async () => {
  const { root, asked } = open(
    () => ({ status: 200 }),
    () => refusal(404, 'NoSuchKey'),
  )
  await root.put('t/ns/b/o', 'text')
  await root.get('t/ns/b/o', 100)
  expect(asked.map(({ method, path }) => `${method} ${path}`)).toEqual(['PUT /t/ns/b/o', 'GET /t/ns/b/o'])
  for (const { headers } of asked) expect(headers['x-amz-expected-bucket-owner']).toBe('123456789012')
})

test('what S3 has throttled is asked for again', async () => {
  const { root, asked } = open(
    () => refusal(503, 'SlowDown'),
    () => ({ status: 200, headers: { 'content-length': '4' }, body: Readable.from([Buffer.from('text')]) }),
  )
  expect(await root.get('t/ns/b/o', 100)).toBe('text')
  expect(asked).toHaveLength(2)
})

test.each([
  [403, 'AccessDenied'],
  [404, 'NoSuchBucket'],
  [503, 'SlowDown'],
])('%s %s is an error, never an absent backup', async (status, code) => {
  const { root } = open(() => refusal(status, code))
  await expect(root.get('t/ns/b/o', 100)).rejects.toMatchObject({ name: code })
  await expect(root.put('t/ns/b/o', 'text')).rejects.toMatchObject({ name: code })
})

test('an object that says that it is too large is not read', async () => {
  const body = new Readable({ read: () => undefined })
  const { root } = open(() => ({ status: 200, headers: { 'content-length': '5000000' }, body }))
  await expect(root.get('t/ns/b/o', 1000)).rejects.toMatchObject({ code: 'payloadTooLarge' })
  expect([body.readableDidRead, body.destroyed]).toEqual([false, true])
})

test('an object that is larger than it says is read to the limit only', async () => {
  let given = 0
  const body = new Readable({
    read() {
      given += 1000
      this.push(Buffer.alloc(1000))
    },
  })
  const { root } = open(() => ({ status: 200, body }))
  await expect(root.get('t/ns/b/o', 10_000)).rejects.toMatchObject({ code: 'payloadTooLarge' })
  expect(body.destroyed).toBe(true)
  expect(given).toBeLessThan(100_000)
})

test('an object that breaks off is an error, not a shorter backup', async () => {
  const body = Readable.from(
    (function* () {
      yield Buffer.from('half')
      throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' })
    })(),
  )
  const { root } = open(() => ({ status: 200, headers: { 'content-length': '8' }, body }))
  await expect(root.get('t/ns/b/o', 100)).rejects.toThrow('aborted')
})

describe('an object that may not be lost', () => {
  const stored = (etag: string) => (): Answer => ({
    status: 200,
    headers: { etag, 'content-length': '4' },
    body: Readable.from([Buffer.from('mine')]),
  })
  const sparing = { mayReplace: (found: string) => found === 'mine', maxBytes: 100 }

  test('is put only where nothing is, or over the very object that was judged', async () => {
    const { root, asked } = open(
      () => refusal(404, 'NoSuchKey'),
      () => refusal(412, 'PreconditionFailed'),
      stored('"1"'),
      () => ({
        status: 200,
      }),
    )
    expect(await root.put('t/ns/b/o', 'text', sparing)).toBe(true)
    const conditions = asked.map(({ method, headers }) => [method, headers['if-none-match'], headers['if-match']])
    expect(conditions).toEqual([
      ['GET', undefined, undefined],
      ['PUT', '*', undefined],
      ['GET', undefined, undefined],
      ['PUT', undefined, '"1"'],
    ])
  })

  test('is given up where others are always faster', async () => {
    const { root } = open(
      ...Array.from({ length: 4 }, () => [stored('"1"'), () => refusal(409, 'ConditionalRequestConflict')]).flat(),
    )
    await expect(root.put('t/ns/b/o', 'text', sparing)).rejects.toMatchObject({ code: 'incorrectState' })
  })
})
