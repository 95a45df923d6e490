import type { Context } from 'aws-lambda'
import { openAwsStandIn } from '../../../bench/awsStandIn.ts'
import { cryptoFunction } from '../../../handlers/crypto/cryptoFunction.ts'
import { scheduleFunction } from '../../../handlers/schedule/scheduleFunction.ts'
import { httpLambdaFunction, lambdaFunction } from '../../../lib/aws/lambdaFunction.ts'
import type { HttpEvent } from '../../../lib/http/wireRequest.ts'

const settings = {
  AWS_REGION: 'us-east-1',
  REGIONS: 'us-east-1,us-west-2',
  HOME_REGION: 'us-east-1',
  RESOURCE_PREFIX: 'vaultspan-test',
  ACCOUNT_ID: '000000000000',
  DOMAIN: 'example.com',
  BACKUP_BUCKET: 'vaultspan-test-backups',
  VAULT_KEKS_KEY: 'alias/test-keks',
  KEY_CACHE_MS: '0',
  LOG_LEVEL: 'info',
  AWS_ACCESS_KEY_ID: 'none',
  AWS_SECRET_ACCESS_KEY: 'none',
}

let aws: Awaited<ReturnType<typeof openAwsStandIn>>
let crypto: (event: HttpEvent, context?: Context) => Promise<{ statusCode: number; headers: object; body: string }>
let schedule: (event: object, context?: Context) => Promise<unknown>
const lines: string[] = []
const { env } = process
const write = process.stdout.write.bind(process.stdout)

beforeAll(async () => {
  aws = await openAwsStandIn(settings)
  process.env = { ...env, ...settings, AWS_ENDPOINT_URL: aws.endpoint }
  process.stdout.write = (line: string | Uint8Array) => lines.push(String(line)) > 0
  crypto = httpLambdaFunction(cryptoFunction)
  schedule = lambdaFunction(scheduleFunction)
  await schedule({}, lasting(20_000))
})
beforeEach(() => {
  lines.length = 0
})
afterEach(() => {
  aws.pause(false)
})
afterAll(() => {
  process.env = env
  process.stdout.write = write
  aws.close()
})

/** What Lambda says of an invocation that may take so long. */
function lasting(ms: number): Context {
  const end = Date.now() + ms
  return { getRemainingTimeInMillis: () => end - Date.now() } as Context
}

/** At a vault's host, which is looked up in a table before anything else; there is none, and nobody signs. */
const call = (vault: string): HttpEvent => ({
  rawPath: '/20180608/encrypt',
  rawQueryString: '',
  headers: { host: `${vault}-crypto.kms.us-east-1.example.com`, 'opc-request-id': 'mine' },
  isBase64Encoded: false,
  requestContext: { http: { method: 'POST', sourceIp: '127.0.0.1' } },
})

test('while DynamoDB answers, so does the function', async () => {
  expect(await crypto(call('aaaa'), lasting(20_000))).toMatchObject({ statusCode: 401 })
  const [line = '{}', ...others] = lines.filter((each) => each.includes('"requestId"'))
  expect(others).toEqual([])
  expect(JSON.parse(line)).toEqual({
    level: 'warn',
    time: expect.any(String) as string,
    message: 'A request was refused.',
    region: 'us-east-1',
    operation: 'Encrypt',
    status: 401,
    ms: expect.any(Number) as number,
    caller: null,
    requestId: expect.stringMatching(/^mine\//) as string,
    reason: 'noAuthorization',
    why: 'the request has no Authorization header',
  })
})

test('while DynamoDB stands still, a call is answered 503 with Retry-After before Lambda would end it', async () => {
  aws.pause(true)
  const { statusCode, headers, body } = await crypto(call('bbbb'), lasting(3000))
  expect({ statusCode, headers }).toMatchObject({
    statusCode: 503,
    headers: { 'retry-after': '1', 'opc-request-id': expect.stringMatching(/^mine\//) as string },
  })
  expect(JSON.parse(body)).toEqual({
    code: 'ServiceUnavailable',
    message: 'The service cannot answer now; try again.',
  })
  const seen = lines.filter((each) => each.includes('"requestId"')).map((each): unknown => JSON.parse(each))
  expect(seen).toMatchObject([{ level: 'error', operation: 'Encrypt', status: 503, reason: 'unavailable' }])
})

test('the HSM’s state that is known is used while it cannot be compared, and that is logged', async () => {
  aws.pause(true)
  await crypto(call('cccc'), lasting(3000))
  aws.pause(false)
  expect(lines.filter((line) => line.includes('could not be compared'))).toHaveLength(1)
  expect(await crypto(call('cccc'), lasting(20_000))).toMatchObject({ statusCode: 401 })
})

test('what a schedule calls fails as a whole, so that it is seen', async () => {
  aws.pause(true)
  await expect(schedule({}, lasting(3000))).rejects.toMatchObject({ code: 'unavailable' })
  expect(lines.join('')).toContain('"failed":true')
})
