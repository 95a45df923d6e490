import { statSync } from 'node:fs'

/** Suites that take long for what their files are; begun last, one of them would keep one core busy and the others idle. */
const long = [
  '/wire/atOnce/',
  '/wire/operations.',
  '/wire/explainedCalls.',
  '/wire/properties.',
  '/crash/',
  '/local/processes.',
  '/local/hsm.',
  '/docs/commands.',
]

/** Jest's order of suites where nobody has run them before, which is how CI and a fresh clone run them. Jest reads a default export. */
export default class LongestFirst {
  sort(tests) {
    const weight = ({ path }) => (long.some((part) => path.includes(part)) ? 1e9 : 0) + statSync(path).size
    return [...tests].sort((one, other) => weight(other) - weight(one))
  }

  shard(tests) {
    return tests
  }

  allFailedTests(tests) {
    return tests
  }

  cacheResults() {}
}
