import base from '../../../jest.config.js'

// `npm run test:deployed`: minutes, not seconds, and it needs MiniStack.
export default {
  ...base,
  rootDir: '../../..',
  roots: ['<rootDir>/test/aws/deployed'],
  testPathIgnorePatterns: ['/node_modules/'],
  testTimeout: 900_000,
}
