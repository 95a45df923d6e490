import base from '../../../jest.config.js'

// `npm run test:localstack`: here LocalStack is a must; `npm test` runs the same suites where it finds one.
process.env['REQUIRE_LOCALSTACK'] = '1'

export default {
  ...base,
  rootDir: '../../..',
  roots: ['<rootDir>/test/aws/localstack'],
}
