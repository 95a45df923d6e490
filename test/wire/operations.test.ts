import { readFileSync, writeFileSync } from 'node:fs'
import { operations as rowsByName, rowOf, type OperationName } from '../../lib/http/operations.ts'
import { allRows as rows } from './operations/allRows.ts'
import { absent, forbidden } from './operations/commonRows.ts'
import { operationsDoc } from './operations/operationsDoc.ts'
import { play, success, type Played, type Row } from './operations/row.ts'
import { openStage, type Stage, type Target } from './operations/stage.ts'
import type { Subject } from './operations/subject.ts'
import { subjects as subjectsByName } from './operations/subjects.ts'
import { workOf } from './operations/workOf.ts'

/** Every operation over the wire with Oracle's own client: what succeeds, and every refusal the contract knows for it. */

const operations = Object.keys(rowsByName) as OperationName[]
const passed: Row[] = []
const subjects: Readonly<Record<OperationName, Subject>> = subjectsByName

let stage: Stage
beforeAll(async () => {
  stage = await openStage()
})
afterAll(() => stage.close())

describe.each(operations)('%s', (operation) => {
  const own = rows.filter((row) => row.operation === operation)
  let played: ReadonlyMap<Row, Played>
  let written: readonly string[]
  beforeAll(async () => {
    ;({ played, written } = await play(stage, own))
  })

  test.each(own)('$tried: $expected', (row) => {
    expect(played.get(row)).toMatchObject({ outcome: row.expected })
    passed.push(row)
  })

  test('what it refuses writes nothing but the audit', () => {
    expect(written).toEqual([])
  })

  test('absent and forbidden are the same answer, word for word', () => {
    const messages = own.filter(({ tried }) => tried === absent || tried === forbidden).map((row) => played.get(row))
    const isOpen = rowOf(operation).isOpen === true
    expect(new Set(messages.map((each) => JSON.stringify(each))).size).toBe(isOpen ? 0 : 1)
  })
})

test.each(operations.filter((name) => rowOf(name).isOpen !== true && isAboutSomething(name)))(
  '%s: absent and forbidden take the same work',
  async (operation) => {
    const refused = (target: Target) => async () => {
      await expect(subjects[operation].call(stage.stranger, target, {})).rejects.toMatchObject({ statusCode: 404 })
    }
    const { cloud } = stage.oci
    await cloud.idle()
    const ofForbidden = await workOf(cloud, refused(stage.ready))
    expect(await workOf(cloud, refused(stage.absent))).toEqual(ofForbidden)
    expect(ofForbidden['policies asked']).toBeGreaterThan(0)
  },
)

function isAboutSomething(operation: OperationName): boolean {
  const { about } = subjects[operation]
  return about !== 'none' && about !== 'tenancy'
}

test('every operation has succeeded', () => {
  const succeeded = new Set(passed.filter(({ expected }) => expected === success).map(({ operation }) => operation))
  expect(operations.filter((operation) => !succeeded.has(operation))).toEqual([])
})

test('docs/operations.md says what was tried here', () => {
  const file = new URL('../../docs/operations.md', import.meta.url)
  const text = operationsDoc(passed)
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(file, text)
  expect(readFileSync(file, 'utf8')).toBe(text)
})
