import base from '../jest.config.js'
import { processSuites } from './processSuites.js'

/** Suites of `npm test` that do more of the same here, and how much. */
const swept = ['/test/wire/atOnce/(far|near|neighbours)\\.']
process.env.AT_ONCE_KEYS ??= '200'

// `npm run test:processes`. Jest reads its configuration from a default export.
export default {
  ...base,
  rootDir: '..',
  testMatch: undefined,
  testRegex: [...swept, ...processSuites].map((suite) => `${suite}.*test\\.ts$`),
}
