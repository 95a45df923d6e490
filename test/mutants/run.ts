import type { PartialStrykerOptions } from '@stryker-mutator/api/core'
import { Stryker } from '@stryker-mutator/core'

/**
 * `npm run mutants [-- part [file …]]`: Stryker changes the code in many small ways, one after another, and the tests must
 * notice each. What is measured, and the scores, stand in docs/testing.md.
 */
interface Part {
  readonly mutate: readonly string[]
  readonly tests: readonly string[]
  readonly excluded: readonly string[]
}

const parts: Readonly<Record<string, Part>> = {
  iam: {
    mutate: ['lib/iam/*.ts', '!lib/iam/*.d.ts'],
    tests: ['test/iam/*.test.ts', 'test/kms/compiledPolicies.test.ts'],
    excluded: [],
  },
  replication: {
    mutate: ['lib/replication/**/*.ts'],
    tests: ['test/replication/!(simulation).test.ts'],
    // Texts are, as a rule, those of the log.
    excluded: ['StringLiteral'],
  },
}

const leastScore = 85
const [, , asked, ...files] = process.argv

async function scoreOf(name: string, { mutate, tests, excluded }: Part): Promise<number> {
  const options: PartialStrykerOptions & { circus: Pick<Part, 'tests'> } = {
    mutate: files.length === 0 ? [...mutate] : files,
    circus: { tests },
    warnings: false,
    testRunner: 'circus',
    plugins: ['./test/mutants/testRunner.ts'],
    testRunnerNodeArgs: ['--no-warnings'],
    coverageAnalysis: 'perTest',
    concurrency: 1,
    // Each run imports the modules anew, and none are ever let go.
    maxTestRunnerReuse: 100,
    // What runs only while a module is loaded: tables of texts and of names.
    ignoreStatic: true,
    mutator: { excludedMutations: [...excluded] },
    disableTypeChecks: false,
    tempDirName: '.stryker',
    reporters: ['progress-append-only', 'clear-text', 'json'],
    jsonReporter: { fileName: `.stryker/${name}.json` },
    clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
  }
  const results = await new Stryker(options).runMutationTest()
  const count = (...wanted: readonly string[]) => results.filter(({ status }) => wanted.includes(status)).length
  const caught = count('Killed', 'Timeout')
  return (100 * caught) / (caught + count('Survived', 'NoCoverage'))
}

for (const [name, part] of Object.entries(parts)) {
  if (asked !== undefined && asked !== name) continue
  const score = await scoreOf(name, part)
  process.stdout.write(`${name}: ${score.toFixed(1)} % of the mutants were caught.\n`)
  if (score < leastScore) process.exitCode = 1
}
