import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { exceptions } from '../../vectors/exceptions.ts'

/** Hex strings by name; which ones there are varies by file. */
interface Vector {
  readonly tcId: number
  readonly comment: string
  readonly result: 'valid' | 'invalid' | 'acceptable'
  readonly isAccepted: boolean
  bytes(name: string): Buffer
}

interface Group {
  text(name: string): string
  readonly vectors: readonly Vector[]
}

type Members = Readonly<Record<string, unknown>>

const folder = join(import.meta.dirname, '../../vectors/wycheproof')

/** The groups of one published file; each vector knows what we must answer. */
export function wycheproof(file: string): readonly Group[] {
  const content = JSON.parse(readFileSync(join(folder, `${file}_test.json`), 'utf8')) as {
    testGroups: (Members & { tests: (Members & Pick<Vector, 'tcId' | 'comment' | 'result'>)[] })[]
  }
  return content.testGroups.map((group) => ({
    text: (name) => member(group, name),
    vectors: group.tests.map((test) => ({
      tcId: test.tcId,
      comment: test.comment,
      result: test.result,
      isAccepted: isAccepted(file, test),
      bytes: (name) => Buffer.from(member(test, name), 'hex'),
    })),
  }))
}

/** The ids of the vectors where `answer` is not what it must be: an empty list is success, any other says where to look. */
export async function wrongAnswers(
  file: string,
  answer: (vector: Vector, group: Group) => boolean | Promise<boolean>,
  isChosen: (vector: Vector, index: number) => boolean = () => true,
): Promise<string[]> {
  const wrong: string[] = []
  for (const group of wycheproof(file)) {
    for (const vector of group.vectors.filter(isChosen)) {
      if ((await answer(vector, group)) !== vector.isAccepted)
        wrong.push(`${vector.tcId} ${vector.result}: ${vector.comment}`)
    }
  }
  return wrong
}

function isAccepted(file: string, { tcId, result }: Pick<Vector, 'tcId' | 'result'>): boolean {
  const exception = exceptions.find(
    (row) => row.files.includes(file) && row.result === result && (row.ids === undefined || row.ids.includes(tcId)),
  )
  if (exception !== undefined) return exception.weAnswer === 'accepted'
  if (result === 'acceptable') throw new Error(`${file} ${tcId} is merely acceptable: exceptions.ts must decide.`)
  return result === 'valid'
}

function member(members: Members, name: string): string {
  const value = members[name]
  if (typeof value !== 'string') throw new Error(`The vector has no text called ${name}.`)
  return value
}
