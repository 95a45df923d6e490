import { relative } from 'node:path'
import type { PartialStrykerOptions } from '@stryker-mutator/api/core'
import { Stryker } from '@stryker-mutator/core'

/**
 * `npm run mutants [-- part [--sample=8] [file …]]`: Stryker changes the code in many small ways, one after another, and the tests must
 * notice each. What is measured, and the scores, stand in docs/testing.md.
 */
interface Part {
  readonly mutate: readonly string[]
  readonly tests: readonly string[]
  readonly excluded: readonly string[]
}

const parts: Readonly<Record<string, Part>> = {
  iam: {
    mutate: ['lib/iam/**/*.ts', '!lib/iam/*.d.ts'],
    tests: ['test/iam/*.test.ts', 'test/kms/compiledPolicies.test.ts'],
    excluded: [],
  },
  replication: {
    // Where the guarantees are kept; others by their names.
    mutate: [
      'lib/replication/{compare,coverage,fanOut,handOff,mend,reconcile,recount,storeKey}.ts',
      'lib/replication/link/{fence,purge}.ts',
      'lib/replication/messages/{inbox,receipts}.ts',
    ],
    // The others take long for what they add.
    tests: ['test/replication/!(compartment*|proofOfArrival|simulation|story|tenancies).test.ts'],
    // Texts are, as a rule, those of the log.
    excluded: ['StringLiteral'],
  },
}

const leastScore = 85
const [, , asked, ...others] = process.argv
const named = others.filter((each) => !each.startsWith('--'))
const sample = Number(/--sample=(\d+)/.exec(others.join(' '))?.[1] ?? 1)

async function scoreOf(name: string, { mutate, tests, excluded }: Part): Promise<number> {
  const options: PartialStrykerOptions & { circus: Pick<Part, 'tests'> & { readonly sample: number } } = {
    mutate: asked === name && named.length > 0 ? named : [...mutate],
    circus: { tests, sample },
    warnings: false,
    testRunner: 'circus',
    plugins: ['./test/mutants/testRunner.ts'],
    testRunnerNodeArgs: ['--no-warnings'],
    coverageAnalysis: 'perTest',
    concurrency: 1,
    // A busy machine takes its time for the first run of all tests.
    dryRunTimeoutMinutes: 60,
    // Each run imports the modules anew, and none are ever let go.
    maxTestRunnerReuse: 100,
    // What runs only while a module is loaded: tables of texts and of names.
    ignoreStatic: true,
    mutator: { excludedMutations: [...excluded] },
    disableTypeChecks: false,
    tempDirName: '.stryker',
    reporters: ['progress-append-only', 'clear-text', 'json', 'event-recorder'],
    eventReporter: { baseDir: `.stryker/events-${name}` },
    jsonReporter: { fileName: `.stryker/${name}.json` },
    clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
  }
  const results = await new Stryker(options).runMutationTest()
  const files = Map.groupBy(
    results.filter(({ id, status }) => Number(id) % sample === 0 && (isCaught(status) || isMissed(status))),
    ({ fileName }) => relative(process.cwd(), fileName),
  )
  for (const [file, mutants] of files) report(file, mutants)
  return report(name, [...files.values()].flat())
}

type Mutant = Awaited<ReturnType<Stryker['runMutationTest']>>[number]

function isCaught(status: Mutant['status']): boolean {
  return status === 'Killed' || status === 'Timeout'
}

function isMissed(status: Mutant['status']): boolean {
  return status === 'Survived' || status === 'NoCoverage'
}

/** The share in percent. */
function report(what: string, mutants: readonly Mutant[]): number {
  const caught = mutants.filter(({ status }) => isCaught(status)).length
  const score = (100 * caught) / mutants.length
  process.stdout.write(`${what}: ${score.toFixed(1)} %, ${caught} of ${mutants.length} mutants were caught.\n`)
  return score
}

for (const [name, part] of Object.entries(parts)) {
  if (asked !== undefined && asked !== name) continue
  if ((await scoreOf(name, part)) < leastScore) process.exitCode = 1
}
