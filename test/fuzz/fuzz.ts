import { SeededRandom } from '../simulation/seededRandom.ts'
import { mutated } from './mutate.ts'
import { hasSameMeaning } from './sameMeaning.ts'
import type { Sent } from './signedForm.ts'
import type { FuzzStage } from './stage.ts'

export interface Failure {
  readonly index: number
  readonly what: 'false accept' | 'crash' | '5xx'
  readonly changes: readonly string[]
  readonly sent: Sent
  readonly said: string
}

export interface Report {
  readonly requests: number
  /** Taken for their signer's, and rightly: they say what was signed. */
  readonly accepted: number
  /** Say what was signed, and were refused all the same: allowed, and worth a look where they are many. */
  readonly strict: number
  readonly failures: readonly Failure[]
}

/** The same requests for the same seed; `from` begins within them. */
export async function fuzz(stage: FuzzStage, seed: number, requests: number, from = 0): Promise<Report> {
  const { originals } = stage
  const failures: Failure[] = []
  let [accepted, strict] = [0, 0]
  for (let index = from; index < from + requests; index += 1) {
    const random = new SeededRandom(seed, index)
    const original = random.pick(originals)
    const { sent, changes } = mutated(random, original, random.pick(originals))
    const fail = (what: Failure['what'], said: string) => failures.push({ index, what, changes, sent, said })
    try {
      const { status, caller } = await stage.send(sent)
      const isRight = originals.some((each) => hasSameMeaning(sent, each))
      if (status >= 500 && status !== 501) fail('5xx', String(status))
      if (caller !== undefined && !isRight) fail('false accept', `${status} as ${caller}`)
      else if (caller !== undefined) accepted += 1
      else if (isRight) strict += 1
    } catch (cause) {
      fail('crash', String(cause))
    }
  }
  return { requests, accepted, strict, failures }
}
