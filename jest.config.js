import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { processSuites } from './test/processSuites.js'

// Suites start some hundred processes of ours, which compile the same files again and again: Node keeps what it compiled.
// Jest's workers and whatever they start inherit it.
process.env.NODE_COMPILE_CACHE ??= join(tmpdir(), 'vaultspan-compile-cache')

/** By a path of a suite, or of a configuration with suites of its own. */
const isNamed = process.argv.slice(2).some((argument) => argument.startsWith('test/'))

// Jest reads its configuration from a default export.
export default {
  testEnvironment: 'node',
  testSequencer: '<rootDir>/test/longestFirst.js',
  globalSetup: '<rootDir>/test/hsm/tokens/makeTokenDirectory.js',
  globalTeardown: '<rootDir>/test/hsm/tokens/removeTokenDirectory.js',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  // `npm run test:deployed` runs these.
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/test/aws/deployed/', ...(isNamed ? [] : processSuites)],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'esnext', parser: { syntax: 'typescript' } }, module: { type: 'es6' } },
    ],
  },
  // Jest leaves one core idle, which on two is half of the machine; and a third of what a suite takes it only waits, more of
  // it where services start and end.
  // A number: of percentages above a hundred Jest makes as many workers as they say.
  maxWorkers: Math.ceil(availableParallelism() * 1.5),
  // How long a test may take is no statement: a busy machine takes its time.
  testTimeout: 900_000,
}
