import { jestExpect } from '@jest/expect'
import * as circus from 'jest-circus'

/** One test of a file, after it ran. */
export interface RanTest {
  readonly name: string
  readonly milliseconds: number
  /** The first error; undefined where it passed. */
  readonly error: string | undefined
}

export interface RunOptions {
  /** What else is not run. */
  readonly isWanted?: (name: string) => boolean
  /** Whether the first test that fails is the last one that runs. */
  readonly stopsAtFailure?: boolean
  /** Told which test runs; 'all' while hooks run that several tests share, undefined between them. */
  readonly running?: (name: string | undefined) => void
}

type Block = circus.State['rootDescribeBlock']
type Test = Extract<Block['children'][number], { type: 'test' }>

/** What the hooks of a file's beginning and end count as. */
export const sharedHooks = 'all'

const { afterAll, afterEach, beforeAll, beforeEach, describe, it, test } = circus
Object.assign(globalThis, { afterAll, afterEach, beforeAll, beforeEach, describe, it, test, expect: jestExpect })

/**
 * Runs the tests of one file as Jest would, in this process and without Jest's own modules and transforms: a fraction of a
 * second instead of several. `load` imports the file.
 */
export async function runTestFile(load: () => Promise<unknown>, options: RunOptions = {}): Promise<readonly RanTest[]> {
  const { isWanted = () => true, stopsAtFailure = false, running = () => undefined } = options
  circus.resetState()
  const state = circus.getState()
  state.testTimeout = 120_000
  await load()
  const tests = [...testsOf(state.rootDescribeBlock)]
  const isSkipped = (each: Test) => each.mode === 'skip' || each.mode === 'todo' || !isWanted(nameOf(each))
  for (const each of tests) if (isSkipped(each)) each.mode = 'skip'
  skipEmpty(state.rootDescribeBlock)
  const onEvent: Parameters<typeof circus.addEventHandler>[0] = (event) => {
    if (event.name === 'hook_start' && /All$/.test(event.hook.type)) running(sharedHooks)
    if (event.name === 'test_started') running(nameOf(event.test))
    if (event.name === 'test_done' || event.name === 'hook_success' || event.name === 'hook_failure') {
      if (event.name === 'test_done' || /All$/.test(event.hook.type)) running(undefined)
    }
    if (stopsAtFailure && event.name === 'test_done' && event.test.errors.length > 0)
      for (const each of tests) if (each.status === null) each.mode = 'skip'
  }
  circus.addEventHandler(onEvent)
  try {
    await circus.run()
  } finally {
    circus.removeEventHandler(onEvent)
    running(undefined)
  }
  return tests
    .filter(({ mode }) => mode !== 'skip')
    .map((each) => ({ name: nameOf(each), milliseconds: each.duration ?? 0, error: errorOf(each) }))
}

function* testsOf(block: Block): Generator<Test> {
  for (const child of block.children) {
    if (child.type === 'test') yield child
    else yield* testsOf(child)
  }
}

/** Hooks of a block run only where one of its tests does. */
function skipEmpty(block: Block): void {
  if ([...testsOf(block)].every(({ mode }) => mode === 'skip')) block.mode = 'skip'
  for (const child of block.children) if (child.type === 'describeBlock') skipEmpty(child)
}

function nameOf(test: Test): string {
  const names = [test.name]
  for (let block: Block | undefined = test.parent; block !== undefined; block = block.parent)
    if (block.parent !== undefined) names.unshift(block.name)
  return names.join(' › ')
}

function errorOf({ errors }: Test): string | undefined {
  const [first] = errors as readonly unknown[]
  if (first === undefined) return undefined
  const [thrown, asyncError] = Array.isArray(first) ? (first as readonly unknown[]) : [first]
  return Error.isError(thrown) ? thrown.message : String(thrown ?? asyncError)
}
