import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { marshall } from '@aws-sdk/util-dynamodb'
import { newState } from '../lib/hsm/software/hsmState.ts'
import type { Item, Write } from '../lib/ports.ts'
import { hsmPk, writeHsmState } from '../lib/aws/hsmStateRow.ts'

/** What a function asks of AWS before its first answer, answered at once: a provisioned HSM in tables that are else empty. */
export async function openAwsStandIn(settings: { readonly AWS_REGION: string; readonly RESOURCE_PREFIX: string }) {
  const dataKey = randomBytes(32)
  const state = await encryptedState(settings, dataKey)
  const answers: Record<string, (input: { readonly Key?: unknown }) => object> = {
    GetItem: ({ Key }) => (JSON.stringify(Key).includes(`"${hsmPk}"`) ? { Item: marshall(state) } : {}),
    Query: () => ({ Items: [], Count: 0 }),
    PutItem: () => ({}),
    TransactWriteItems: () => ({}),
    Decrypt: () => ({ Plaintext: dataKey.toString('base64'), KeyId: 'stand-in' }),
  }
  const asked: { readonly action: string; readonly input: unknown }[] = []
  let isPaused = false
  const server = createServer((request, response) => {
    void buffer(request).then((body) => {
      if (isPaused) return
      const [, action = ''] = String(request.headers['x-amz-target']).split('.')
      const input = JSON.parse(body.toString()) as { Key?: unknown }
      asked.push({ action, input })
      const answer = answers[action]?.(input)
      response.writeHead(answer === undefined ? 400 : 200, { 'content-type': 'application/x-amz-json-1.0' })
      response.end(JSON.stringify(answer ?? { message: `${action} is not expected.` }))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    /** Every call so far, as it came. */
    asked,
    endpoint: `http://127.0.0.1:${port}`,
    /** From now on it takes calls and answers none; or answers again. */
    pause: (paused: boolean) => {
      isPaused = paused
    },
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

async function encryptedState(
  settings: { AWS_REGION: string; RESOURCE_PREFIX: string },
  dataKey: Buffer,
): Promise<Item> {
  const written: Item[] = []
  const tables = {
    get: async () => undefined,
    write: async (writes: readonly Write[]) => {
      written.push(...writes.flatMap((write) => (write.op === 'put' ? write.item : [])))
      return { ok: true as const }
    },
  }
  const keys = {
    generateDataKey: async () => ({ plaintext: Buffer.from(dataKey), wrapped: Buffer.from('stand-in') }),
    decrypt: async () => Buffer.from(dataKey),
  }
  const { AWS_REGION: region, RESOURCE_PREFIX: resourcePrefix } = settings
  await writeHsmState({ tables, keys, region, resourcePrefix }, { state: newState(region), revision: 1 })
  const [item] = written
  if (item === undefined) throw new Error('No state was written.')
  return item
}
