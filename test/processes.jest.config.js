import base from '../jest.config.js'
import { processSuites } from './processSuites.js'

// `npm run test:processes`. Jest reads its configuration from a default export.
export default {
  ...base,
  rootDir: '..',
  testMatch: undefined,
  testRegex: processSuites.map((suite) => `${suite}.*test\\.ts$`),
}
