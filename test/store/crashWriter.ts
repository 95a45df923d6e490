import { writeSync } from 'node:fs'
import { openSqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'

// Writes until it is killed (or has made as many calls as the second argument says) and prints each call that was
// acknowledged: two items in two tables, then a message of the same name. One message is received and never deleted.
const [file = ':memory:', limit = 'Infinity'] = process.argv.slice(2)
const writers = 4

let ids = 0
const newId = (): string => {
  ids += 1
  return `message-${ids}`
}
const { tables, queues, close } = openSqliteRegionStore({ file, clock: () => 1_800_000_000_000, newId })

await queues.send('inbox', [{ body: 'received' }])
await queues.receive('inbox', 1)

let calls = 0
async function writeOn(): Promise<void> {
  while (calls < Number(limit)) {
    calls += 1
    const name = `call-${calls}`
    await tables.write([
      {
        op: 'put',
        table: 'Keys',
        item: { pk: name, sk: 'row', gpk: 'all', byTime: name },
        condition: { kind: 'absent' },
      },
      { op: 'put', table: 'Audit', item: { pk: name, sk: 'row' } },
    ])
    await queues.send('inbox', [{ body: name }])
    writeSync(1, `${name}\n`)
  }
}

await Promise.all(Array.from({ length: writers }, writeOn))
close()
