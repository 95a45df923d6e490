import { peersOf, requireParameters, type GivenParameters } from '../../../deploy/parameters.ts'

const good = { stage: 'prod', regions: 'us-east-1,us-west-2', domain: 'example.com' }

test('the first region is home, the others are its peers', () => {
  const parameters = requireParameters(good)
  expect(parameters.homeRegion).toBe('us-east-1')
  expect(peersOf('us-west-2', parameters)).toEqual(['us-east-1'])
})

test.each<[string, GivenParameters, RegExp]>([
  ['no stage', { stage: '' }, /--stage is missing/],
  ['an unknown stage', { stage: 'production' }, /"production" is not known; use one of .*prod/],
  ['a region that is its own peer', { regions: 'us-east-1,us-east-1' }, /names us-east-1 twice/],
  ['no region name', { regions: 'us-east-1,here' }, /"here" is no region name/],
  ['a home that is not deployed', { home: 'eu-west-1' }, /must be among/],
  ['no domain', { domain: '' }, /--domain is missing/],
  ['a domain that is none', { domain: 'https://example.com' }, /is no domain name/],
  ['a hosted zone that is none', { 'hosted-zone': 'example.com' }, /is no hosted zone id/],
])('%s is refused in one line', (_what, change, reason) => {
  expect(() => requireParameters({ ...good, ...change })).toThrow(reason)
  expect(() => requireParameters({ ...good, ...change })).toThrow(/^[^\n]+$/)
})

test('a region that is not among the deployment’s has no peers', () => {
  expect(() => peersOf('eu-west-1', requireParameters(good))).toThrow('is not among')
})
