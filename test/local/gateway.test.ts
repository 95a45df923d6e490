import { connect } from 'node:net'
import { HttpGateway } from '../../local/gateway/httpGateway.ts'
import { ownHosts } from '../../local/gateway/ownHosts.ts'
import { maxBodyBytes, type HttpEvent } from '../../lib/http/wireRequest.ts'

let seen: HttpEvent[] = []
const errors: unknown[] = []

const answerWith = (name: string) => async (event: HttpEvent) => {
  seen.push(event)
  if (event.rawPath.endsWith('/broken')) throw new Error('a bug')
  return { statusCode: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ served: name }) }
}

const gateway = new HttpGateway({
  functions: {
    vault: answerWith('vault'),
    keys: answerWith('keys'),
    crypto: answerWith('crypto'),
    identity: answerWith('identity'),
    audit: answerWith('audit'),
  },
  health: async () => ({ status: 'ok' }),
  maxFileBytes: 100_000,
  onError: (cause) => errors.push(cause),
  isOwnHost: ownHosts('127.0.0.1', []),
})
let port = 0

beforeAll(async () => {
  port = await gateway.listen(0, '127.0.0.1')
})
afterAll(() => gateway.close())
beforeEach(() => {
  seen = []
})

const url = (path: string) => `http://127.0.0.1:${port}${path}`

/** Sends bytes as they are and resolves with all that comes back until the connection ends. */
function raw(...parts: readonly (string | Buffer)[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      for (const part of parts) socket.write(part)
    })
    let text = ''
    socket.setEncoding('utf8')
    socket.on('data', (part: string) => (text += part))
    socket.on('error', reject)
    socket.on('close', () => {
      resolve(text)
    })
  })
}

const post = (length: number, more = '') =>
  `POST /20180608/encrypt HTTP/1.1\r\nhost: localhost:${port}\r\ncontent-length: ${length}\r\n${more}\r\n`

const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nhost: localhost:${port}\r\n${more}\r\n`

describe('the event', () => {
  test('carries path and query as they came over the wire, and headers in lower case', async () => {
    await raw(
      `GET //20180608/keys/a%2Fb%3A1?x=%20&y HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nX-Date: now\r\nconnection: close\r\n\r\n`,
    )
    expect(seen[0]).toMatchObject({
      rawPath: '//20180608/keys/a%2Fb%3A1',
      rawQueryString: 'x=%20&y',
      headers: { host: `127.0.0.1:${port}`, 'x-date': 'now' },
      requestContext: { http: { method: 'GET', sourceIp: '127.0.0.1' } },
      isBase64Encoded: false,
    })
    expect(seen[0]).not.toHaveProperty('body')
  })

  test.each([
    ['text', Buffer.from('{"a":"ü€😀\ufffd"}')],
    ['bytes that are no UTF-8', Buffer.from([0x7b, 0xff, 0xfe, 0x00])],
    ['a text cut within a character', Buffer.from('{"a":"€').subarray(0, -1)],
  ])('keeps every byte of %s', async (_, body) => {
    await fetch(url('/20180608/encrypt'), { method: 'POST', body: new Uint8Array(body) })
    const { body: text = '', isBase64Encoded = false } = seen[0] ?? {}
    expect(Buffer.from(text, isBase64Encoded ? 'base64' : 'utf8')).toEqual(body)
  })

  test('joins a body that comes in parts', async () => {
    const answer = raw(post(6, 'connection: close\r\n'), 'abc', 'def')
    await answer
    expect(seen[0]?.body).toBe('abcdef')
  })
})

test.each([
  ['GET', '/20180608/vaults', 'vault'],
  ['POST', '/20180608/encrypt', 'crypto'],
  ['GET', '/20180608/keys', 'keys'],
  ['GET', '/20160918/policies', 'identity'],
  ['GET', '/20190901/auditEvents', 'audit'],
  ['GET', '/nowhere', 'vault'],
  ['DELETE', '/20180608/encrypt', 'vault'],
])('%s %s is served by the function of the route table: %s', async (method, path, served) => {
  expect(await (await fetch(url(path), { method })).json()).toEqual({ served })
})

test('/healthz needs no signature and reaches no function', async () => {
  expect(await (await fetch(url('/healthz'))).json()).toEqual({ status: 'ok' })
  const head = await fetch(url('/healthz'), { method: 'HEAD' })
  expect([head.status, await head.text()]).toEqual([200, ''])
  expect(seen).toEqual([])
})

describe('a body over the limit', () => {
  const tooMuch = Buffer.alloc(maxBodyBytes + 1, 0x20)

  test('is refused with 413 before it is sent, where its length is told', async () => {
    const answer = await raw(post(tooMuch.length), tooMuch)
    expect(answer).toMatch(/^HTTP\/1\.1 413 /)
    expect(answer).toContain('"code":"PayloadTooLarge"')
    expect(answer).toMatch(/\r\nopc-request-id: \S+\r\n/)
    expect(seen).toEqual([])
  })

  test('is refused with 413 where it comes in chunks of unknown number', async () => {
    const head = `POST /20180608/encrypt HTTP/1.1\r\nhost: localhost:${port}\r\ntransfer-encoding: chunked\r\n\r\n`
    const chunk = Buffer.concat([Buffer.from(`${tooMuch.length.toString(16)}\r\n`), tooMuch, Buffer.from('\r\n')])
    expect(await raw(head, chunk, '0\r\n\r\n')).toMatch(/^HTTP\/1\.1 413 /)
    expect(seen).toEqual([])
  })

  test('ends the connection of a caller who never stops sending', async () => {
    const answer = await raw(post(tooMuch.length), 'only this')
    expect(answer).toMatch(/^HTTP\/1\.1 413 /)
  })

  test('reaches an ordinary client as an answer, not as a reset connection', async () => {
    const answer = await fetch(url('/20180608/encrypt'), { method: 'POST', body: new Uint8Array(400_000) })
    expect(answer.status).toBe(413)
  })

  test.each(['/20180608/keys/actions/restoreFromFile', '//20180608/vaults/actions/restoreFromFile?compartmentId=c'])(
    'is a file’s own limit for %s, which takes one',
    async (path) => {
      const send = async (length: number) =>
        (await fetch(url(path), { method: 'POST', body: new Uint8Array(length) })).status
      expect([await send(100_000), await send(100_001)]).toEqual([200, 413])
    },
  )

  test('is one byte more than what is served', async () => {
    const answer = await fetch(url('/20180608/encrypt'), { method: 'POST', body: new Uint8Array(maxBodyBytes) })
    expect(answer.status).toBe(200)
  })
})

describe('what is not HTTP as it should be', () => {
  test('headers over the limit are 431', async () => {
    const answer = await raw(`GET / HTTP/1.1\r\nhost: localhost:${port}\r\nx: ${'a'.repeat(20_000)}\r\n\r\n`)
    expect(answer).toMatch(/^HTTP\/1\.1 431 /)
    expect(answer).toContain('"code":"RequestHeaderFieldsTooLarge"')
  })

  test.each([
    ['no HTTP at all', () => 'hello\r\n\r\n'],
    ['a content-length that is no number', () => post(Number.NaN)],
    ['two lengths', () => post(1, 'content-length: 2\r\n')],
    ['a length and chunks', () => post(1, 'transfer-encoding: chunked\r\n')],
    ['no host', () => 'GET /healthz HTTP/1.1\r\n\r\n'],
    ['two hosts', () => `GET /healthz HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nhost: other\r\nconnection: close\r\n\r\n`],
    ['one host twice', () => get('/20180608/vaults', `host: localhost:${port}\r\nconnection: close\r\n`)],
  ])('%s is 400', async (_, text) => {
    const answer = await raw(text())
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    expect(answer).toContain('"code":"CannotParseRequest"')
    expect(seen).toEqual([])
  })
})

test.each(['/20180608/keys/ü', '/20180608/keys?name=ü'])(
  'bytes outside of ASCII in %s are refused, and told how they are written',
  async (path) => {
    const answer = await raw(Buffer.from(get(path, 'connection: close\r\n')))
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    expect(answer).toContain('write what is not printable ASCII as %XX, as it is signed.')
    expect(seen).toEqual([])
  },
)

test('requests sent without waiting are answered in their order on one connection', async () => {
  const answer = await raw(
    get('/20180608/vaults') + get('/20180608/keys') + get('/20160918/policies', 'connection: close\r\n'),
  )
  expect([...answer.matchAll(/"served":"(\w+)"/g)].map(([, name]) => name)).toEqual(['vault', 'keys', 'identity'])
})

test('an expectation that nobody knows is ignored', async () => {
  expect(await raw(post(2, 'expect: a-miracle\r\nconnection: close\r\n'), '{}')).toMatch(/^HTTP\/1\.1 200 /)
})

test('a function that fails is 500 and tells nothing of its reason', async () => {
  const answer = await fetch(url('/20180608/keys/broken'), { headers: { 'opc-request-id': 'mine' } })
  expect(answer.status).toBe(500)
  expect(answer.headers.get('opc-request-id')).toMatch(/^mine\//)
  expect(await answer.text()).not.toContain('a bug')
  expect(errors).toEqual([expect.objectContaining({ message: 'a bug' })])
})

describe('a host that is not this listener’s', () => {
  test.each([
    ['another port', () => `127.0.0.1:${port === 65_535 ? 1 : port + 1}`],
    ['no port', () => '127.0.0.1'],
    ['another name', () => `vault.example.com:${port}`],
    ['more than a name', () => `a@127.0.0.1:${port}`],
    ['nothing', () => ''],
  ])('(%s) is refused for operations and for health checks, and reaches no function', async (_, host) => {
    for (const path of ['/healthz', '/20180608/vaults']) {
      const answer = await raw(`GET ${path} HTTP/1.1\r\nhost: ${host()}\r\nconnection: close\r\n\r\n`)
      expect(answer).toMatch(/^HTTP\/1\.1 404 /)
      expect(answer).toContain('"code":"NotFound"')
    }
    expect(seen).toEqual([])
  })

  test('is served where it is a name under which a proxy leads here', () => {
    const isOwn = ownHosts('127.0.0.1', ['KMS.example.com'])
    expect([isOwn('kms.example.com:7600', 7600), isOwn('[::1]:7600', 7600), isOwn('localhost', 80)]).toEqual([
      true,
      true,
      true,
    ])
    expect([isOwn('kms.example.com:7601', 7600), isOwn('x.kms.example.com:7600', 7600)]).toEqual([false, false])
  })
})

test('no answer may be kept by a cache', async () => {
  const answers = await Promise.all(['/healthz', '/20180608/keys/broken'].map((path) => fetch(url(path))))
  const texts = [await raw(post(maxBodyBytes + 1)), await raw('hello\r\n\r\n')]
  errors.length = 0
  for (const { headers } of answers) expect(headers.get('cache-control')).toContain('no-store')
  for (const text of texts) expect(text).toMatch(/\r\ncache-control: [^\r]*no-store/)
})

test('closing resets the connections that are open', async () => {
  const other = new HttpGateway({
    functions: {
      vault: () => new Promise(() => undefined),
      keys: answerWith('keys'),
      crypto: answerWith('crypto'),
      identity: answerWith('identity'),
      audit: answerWith('audit'),
    },
    health: async () => ({}),
    isOwnHost: () => true,
    maxFileBytes: 100_000,
    onError: () => undefined,
  })
  const otherPort = await other.listen(0, '127.0.0.1')
  const waiting = fetch(`http://127.0.0.1:${otherPort}/never`).then(
    () => 'answered',
    () => 'reset',
  )
  await new Promise((resolve) => setTimeout(resolve, 50))
  await other.close()
  expect(await waiting).toBe('reset')
  await expect(fetch(`http://127.0.0.1:${otherPort}/never`)).rejects.toThrow()
})
