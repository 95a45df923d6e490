import { marshall } from '@aws-sdk/util-dynamodb'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { verifyAudit } from '../../local/audit/verifyAudit.ts'
import { AuditDirectory, someEvents, type AuditRow } from '../harness/chainedAudit.ts'

let directory: AuditDirectory
beforeEach(async () => {
  directory = new AuditDirectory()
  await someEvents(directory)
})
afterEach(() => {
  directory.remove()
})

/** Members in another order than they were written: DynamoDB keeps none. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .map(([name, member]) => [name, reversed(member)])
      .reverse(),
  )
}

/** As DynamoDB exports them, over two files and in no order. */
function exported(rows: readonly AuditRow[]): string {
  const folder = join(directory.path, `export-${Math.random()}`)
  mkdirSync(join(folder, 'data'), { recursive: true })
  const lines = rows.map(({ body }) =>
    JSON.stringify({
      Item: marshall({ ...(reversed(JSON.parse(body)) as object), $call: 'id', writeId: 'w' }),
    }),
  )
  for (const half of [0, 1]) {
    const part = lines.filter((_, index) => index % 2 === half).reverse()
    writeFileSync(join(folder, 'data', `${half}.json.gz`), gzipSync(`${part.join('\n')}\n`))
  }
  return folder
}

const verify = async (folder: string) => {
  const { reports } = await verifyAudit([folder], { now: directory.now, root: directory.path })
  return reports[0]
}

test('what DynamoDB has exported of the table verifies, though it keeps no order', async () => {
  expect(await verify(exported(directory.rows()))).toMatchObject({
    region: 'us-ashburn-1',
    events: 21,
    writers: 3,
    closed: 3,
    findings: [],
  })
})

test('and what is altered or missing in it is named', async () => {
  const rows = directory.rows()
  const altered = rows.map((row) => ({
    ...row,
    body: row.body.replace('"resourceName":"key"', '"resourceName":"kex"'),
  }))
  expect((await verify(exported(altered)))?.findings.length).toBeGreaterThan(10)
  const [first, ...rest] = rows.filter(({ body }) => body.includes('"events"'))
  const others = rows.filter(({ body }) => !body.includes('"events"'))
  expect(first).toBeDefined()
  expect((await verify(exported([...others, ...rest])))?.findings).toMatchObject([{ kind: 'missing' }])
})

test('a folder of other files is refused in a sentence', async () => {
  mkdirSync(join(directory.path, 'other'))
  writeFileSync(join(directory.path, 'other', 'x.json.gz'), gzipSync('{"a":1}\n'))
  await expect(verify(join(directory.path, 'other'))).rejects.toThrow(/is no export of a table in DYNAMODB_JSON/)
})
