import base from '../jest.config.js'
import { processSuites } from './processSuites.js'

/** Suites of `npm test` that do more of the same here, and how much. */
const swept = ['/test/wire/atOnce/(far|near|neighbours)\\.']
process.env.AT_ONCE_KEYS ??= '200'

/** Suites for which nothing is installed here: Kryoptic is built by night, for minutes. */
const nightly = process.env.KRYOPTIC_MODULE === undefined ? ['/test/hsm/kryopticHsm\\.'] : []
if (nightly.length > 0)
  console.warn('KRYOPTIC_MODULE is not set: the HSM suite on Kryoptic is left to the nightly run.')

// `npm run test:processes`. Jest reads its configuration from a default export.
export default {
  ...base,
  rootDir: '..',
  testMatch: undefined,
  testPathIgnorePatterns: [...base.testPathIgnorePatterns, ...nightly],
  testRegex: [...swept, ...processSuites].map((suite) => `${suite}.*test\\.ts$`),
}
