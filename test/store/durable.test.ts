import { openStore, type StoreHarness } from './sqliteHarness.ts'
import { anItem } from './tableHarness.ts'

/** Which calls are on the medium when they resolve. kill -9 does not show it, nor does any test that reads what was written. */

const put = { op: 'put', table: 'Keys', item: anItem('a') } as const

type Call = (store: StoreHarness) => Promise<unknown>

const durable: Record<string, Call> = {
  'a write': ({ tables }) => tables.write([put]),
  'items of the audit as texts': ({ tables }) =>
    tables.putTexts('Audit', [{ pk: 'p', sk: 's', expiresAt: undefined, text: '{"pk":"p","sk":"s"}' }]),
  'a message that is sent': ({ queues }) => queues.send('inbox', [{ body: 'b' }]),
  'a message that goes to the dead letters': ({ queues }) => queues.deadLetter('inbox', 'id', 'reason'),
  'a dead letter that comes back': ({ queues }) => queues.redrive('inbox', ['id']),
  'a commit mark that is raised': ({ tables }) => tables.raiseCommitMark(7),
}

/** Lost with the power, each of these only comes again. */
const notDurable: Record<string, Call> = {
  'a message that is received': ({ queues }) => queues.receive('inbox', 1),
  'a message that is deleted': ({ queues }) => queues.delete('inbox', ['id']),
  'a message that is hidden': ({ queues }) => queues.changeVisibility('inbox', 'id', 1),
  'a step of a rate limit': ({ tables }) => tables.advance('p', 's', { now: 0, stepMs: 1, latest: 10 }),
  'a trimmed stream': ({ tables }) => tables.trimChanges(0),
}

async function synchronous(call: Call, before: Call): Promise<unknown> {
  const store = openStore(':memory:')
  try {
    await before(store)
    await call(store)
    return store.database.prepare('PRAGMA synchronous').get()?.['synchronous']
  } finally {
    await store.close()
  }
}

const [normal, full] = [1, 2]
const aWrite: Call = ({ tables }) => tables.write([put])
const aReceipt: Call = ({ queues }) => queues.receive('inbox', 1)

test.each(Object.entries(durable))('%s is on the medium before its promise resolves', async (_, call) => {
  expect(await synchronous(call, aReceipt)).toBe(full)
})

test.each(Object.entries(notDurable))('%s waits for no medium', async (_, call) => {
  expect(await synchronous(call, aWrite)).toBe(normal)
})
