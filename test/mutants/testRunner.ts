import { globSync } from 'node:fs'
import { relative } from 'node:path'
import type { InstrumenterContext, MutantCoverage, StrykerOptions } from '@stryker-mutator/api/core'
import { commonTokens, declareFactoryPlugin, PluginKind, tokens } from '@stryker-mutator/api/plugin'
import {
  determineHitLimitReached,
  DryRunStatus,
  MutantRunStatus,
  TestStatus,
  type DryRunResult,
  type MutantRunOptions,
  type MutantRunResult,
  type TestResult,
  type TestRunner,
} from '@stryker-mutator/api/test-runner'
import { importsAnew } from './freshModules.ts'
import { runTestFile, sharedHooks, type RanTest, type RunOptions } from './runTestFile.ts'

/** What Stryker's own options are not: which tests are run, and for which share of the mutants: one in `sample`. */
interface Options extends StrykerOptions {
  readonly circus: { readonly tests: readonly string[]; readonly sample: number }
}

/**
 * Stryker's own runner for Jest starts it anew for each mutant, which takes five seconds and more. This one runs the same
 * test files by jest-circus, in one process, on modules that are imported anew.
 */
class CircusTestRunner implements TestRunner {
  readonly #files: readonly string[]
  readonly #sample: number
  readonly #import = importsAnew()
  /** How often a file's tests caught a mutant: those come first. */
  readonly #catches = new Map<string, number>()

  constructor({ circus }: Options) {
    this.#sample = circus.sample
    this.#files = circus.tests.flatMap((pattern) => globSync(pattern)).sort()
  }

  capabilities() {
    return { reloadEnvironment: true }
  }

  async dryRun(): Promise<DryRunResult> {
    const context = instrumented()
    const coverage: MutantCoverage = { static: {}, perTest: {} }
    const tests: TestResult[] = []
    for (const file of this.#files) {
      context.mutantCoverage = { static: {}, perTest: {} }
      const ran = await this.#run(file, {
        running: (name) => {
          if (name === undefined) delete context.currentTestId
          else context.currentTestId = idOf(file, name)
        },
      })
      tests.push(...ran.map((each) => resultOf(file, each)))
      addCoverage(coverage, context.mutantCoverage, file, ran)
    }
    return { status: DryRunStatus.Complete, tests, mutantCoverage: coverage }
  }

  async mutantRun({
    activeMutant,
    testFilter,
    hitLimit,
    mutantActivation,
  }: MutantRunOptions): Promise<MutantRunResult> {
    // An error counts neither for nor against the tests.
    if (Number(activeMutant.id) % this.#sample !== 0)
      return { status: MutantRunStatus.Error, errorMessage: 'It is not in the sample.' }
    const context = instrumented()
    delete context.mutantCoverage
    Object.assign(context, { hitLimit, hitCount: hitLimit === undefined ? undefined : 0 })
    const wanted = testFilter === undefined ? undefined : new Set(testFilter)
    let nrOfTests = 0
    try {
      for (const file of this.#filesOf(wanted)) {
        const isActiveAtLoad = mutantActivation === 'static'
        if (isActiveAtLoad) context.activeMutant = activeMutant.id
        const ran = await this.#run(file, {
          stopsAtFailure: true,
          isWanted: (name) => wanted?.has(idOf(file, name)) ?? true,
          running: (name) => {
            if (!isActiveAtLoad && name !== undefined) context.activeMutant = activeMutant.id
          },
        }).catch((cause: unknown): readonly RanTest[] => {
          if (!isActiveAtLoad) throw cause
          return [{ name: 'load', milliseconds: 0, error: String(cause) }]
        })
        nrOfTests += ran.length
        const timedOut = determineHitLimitReached(context.hitCount, hitLimit)
        if (timedOut !== undefined) return { status: MutantRunStatus.Timeout, reason: timedOut.reason ?? '' }
        const failed = ran.find(({ error }) => error !== undefined)
        if (failed === undefined) continue
        this.#catches.set(file, (this.#catches.get(file) ?? 0) + 1)
        const failureMessage = shortened(failed.error)
        return { status: MutantRunStatus.Killed, killedBy: [idOf(file, failed.name)], failureMessage, nrOfTests }
      }
      return { status: MutantRunStatus.Survived, nrOfTests }
    } finally {
      delete context.activeMutant
    }
  }

  #run(file: string, options: RunOptions): Promise<readonly RanTest[]> {
    return runTestFile(() => this.#import(file), options)
  }

  #filesOf(wanted: ReadonlySet<string> | undefined): readonly string[] {
    const named = wanted && new Set([...wanted].map((id) => id.slice(0, id.indexOf(separator))))
    const catches = (file: string) => this.#catches.get(file) ?? 0
    return this.#files.filter((file) => named?.has(file) ?? true).toSorted((a, b) => catches(b) - catches(a))
  }
}

const separator = ': '

function idOf(file: string, name: string): string {
  return `${relative(process.cwd(), file)}${separator}${name}`
}

function instrumented(): InstrumenterContext {
  const global = globalThis as { __stryker__?: InstrumenterContext }
  return (global.__stryker__ ??= {})
}

function shortened(message = ''): string {
  return message.slice(0, 1000)
}

function resultOf(file: string, { name, milliseconds, error }: RanTest): TestResult {
  const about = { id: idOf(file, name), name: idOf(file, name), timeSpentMs: milliseconds, fileName: file }
  return error === undefined
    ? { ...about, status: TestStatus.Success }
    : { ...about, status: TestStatus.Failed, failureMessage: shortened(error) }
}

/** What ran in hooks that a file's tests share counts for each of them. */
function addCoverage(all: MutantCoverage, one: MutantCoverage, file: string, ran: readonly RanTest[]): void {
  for (const [mutant, count] of Object.entries(one.static)) all.static[mutant] = (all.static[mutant] ?? 0) + count
  const shared = one.perTest[idOf(file, sharedHooks)] ?? {}
  for (const { name } of ran) {
    const id = idOf(file, name)
    all.perTest[id] = { ...shared, ...one.perTest[id] }
  }
}

function createRunner(options: StrykerOptions): TestRunner {
  return new CircusTestRunner(options as Options)
}
createRunner.inject = tokens(commonTokens.options)

export const strykerPlugins = [declareFactoryPlugin(PluginKind.TestRunner, 'circus', createRunner)]
