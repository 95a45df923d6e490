import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InboxGate } from '../../local/processes/inboxGate.ts'
import { judgeEnvelope } from '../../local/processes/judgeEnvelope.ts'
import { peerSocketPath, serveInbox } from '../../local/processes/peerSocket.ts'
import { signMessage } from '../../lib/replication/messages/signedMessage.ts'
import { taken } from '../harness/deliveries.ts'
import { regionA, regionB, twoRegions, type TestCloud } from '../harness/twoRegions.ts'
import { post, refusedMessages } from './peerMessages.ts'

/** A region's inbox over its own queues, which nobody works: what is stored stays there to be seen. */

let cloud: TestCloud
let directory: string
let close: () => Promise<void>
beforeEach(async () => {
  cloud = await twoRegions()
  await cloud.settle()
  directory = mkdtempSync(join(tmpdir(), 'vaultspan-test-'))
  mkdirSync(join(directory, 'regions'))
  const { store, hsm } = cloud.b
  close = await serveInbox(directory, regionB, {
    queues: store.queues,
    gate: new InboxGate(),
    judge: judgeEnvelope(hsm),
    serves: () => true,
  })
})
afterEach(async () => {
  await close()
  rmSync(directory, { recursive: true })
  cloud.close()
})

const send = (path: string, body: string) => post(peerSocketPath(directory, regionB), path, body)

/** How many messages lie in the queues that another region may send to. */
async function stored(): Promise<number> {
  const queues = await Promise.all((['inbox', 'outbox', 'outcome'] as const).map((name) => taken(cloud.b, name)))
  return queues.flat().length
}

test.each(refusedMessages)('%s is refused, and nothing is stored', async (_, path, body, status) => {
  expect(await send(path, body)).toBe(status)
  expect(await stored()).toBe(0)
})

describe('what the other region has signed', () => {
  let signed: { readonly body: string }
  beforeEach(async () => {
    const to = { tenancyId: cloud.tenancyId, destination: regionB }
    signed = { body: await signMessage(cloud.a.hsm, to, cloud.clock.now, { kind: 'identityReceipt', seq: 1 }) }
  })

  test.each(['inbox', 'outcome'])('is stored in the %s', async (name) => {
    expect(await send(`/queues/${name}`, JSON.stringify([signed]))).toBe(204)
    expect(await taken(cloud.b, name as 'inbox' | 'outcome')).toEqual([signed.body])
  })

  test('is not stored beside a message that nobody signed', async () => {
    expect(await send('/queues/inbox', JSON.stringify([signed, { body: '{}' }]))).toBe(403)
    expect(await stored()).toBe(0)
  })

  test('is not stored where it was signed for another region', async () => {
    const to = { tenancyId: cloud.tenancyId, destination: regionA }
    const body = await signMessage(cloud.b.hsm, to, cloud.clock.now, { kind: 'identityReceipt', seq: 1 })
    expect(await send('/queues/outcome', JSON.stringify([{ body }]))).toBe(403)
    expect(await stored()).toBe(0)
  })
})
