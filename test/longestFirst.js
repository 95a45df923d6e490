import { statSync } from 'node:fs'

/**
 * Suites that take long for what their files are, the longest first, of both commands; begun last, one of them would keep one
 * core busy and the others idle.
 */
const long = [
  '/local/hsm.',
  '/localstack/tour.',
  '/docs/commands.',
  '/wire/operations.',
  '/wire/atOnce/far.',
  '/localstack/cost.',
  '/local/processes.',
  '/wire/atOnce/n',
  '/workers/ends.',
  '/localstack/story.',
  '/local/twoMachinesRefused.',
  '/local/service.',
  '/crash/crash.',
  '/local/apartPutBack.',
  '/local/threeMachines.',
  '/localstack/dynamodb.',
  '/wire/properties.',
  '/local/snapshot.',
  '/workers/freshness.',
  '/local/twoMachines.',
  '/local/compose.',
  '/hsm/nssHsm.',
  '/package/package.',
  '/hsm/threads.',
  '/wire/explainedCalls.',
  '/docs/users.',
  '/local/tour.',
  '/template/grants.',
  '/runtime/kmsHsm.',
  '/wire/tags.',
  '/hsm/softwareHsm.',
]

/** Jest's order of suites where nobody has run them before, which is how CI and a fresh clone run them. Jest reads a default export. */
export default class LongestFirst {
  sort(tests) {
    const rank = ({ path }) => {
      const place = long.findIndex((part) => path.includes(part))
      return place === -1 ? statSync(path).size : 1e9 * (long.length - place)
    }
    const ranks = new Map(tests.map((test) => [test, rank(test)]))
    return [...tests].sort((one, other) => ranks.get(other) - ranks.get(one))
  }

  shard(tests) {
    return tests
  }

  allFailedTests(tests) {
    return tests
  }

  cacheResults() {}
}
