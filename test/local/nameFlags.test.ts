import { nameOrigins, portOrigin, regionOrigin, regionPort } from '../../local/names/advertised.ts'
import { readAdvertised } from '../../local/names/nameFlags.ts'

const read = (domain?: string, advertise?: string, hasTls = false) =>
  readAdvertised(
    { ...(domain === undefined ? {} : { domain }), ...(advertise === undefined ? {} : { advertise }) },
    7600,
    hasTls,
  )

/** The endpoint of a second region, and of a vault in it at port 7700. */
function endpoints(domain?: string, advertise?: string, hasTls = false, host = '127.0.0.1') {
  const reached = { host, advertised: read(domain, advertise, hasTls) }
  const region = regionOrigin(reached, 'b-c-1', 1, regionPort(reached, 7600, 1))
  return reached.advertised?.by === 'names' ? [region] : [region, portOrigin(reached, 1, 7700)]
}

test.each([
  ['nothing', [], ['http://127.0.0.1:7601', 'http://127.0.0.1:7700']],
  ['a domain', ['localhost'], ['http://kms.b-c-1.localhost:7601']],
  ['TLS', [undefined, undefined, true], ['https://kms.b-c-1.localhost:7601']],
  ['a domain in capitals and TLS', ['Example.COM', undefined, true], ['https://kms.b-c-1.example.com:7601']],
  ['an address elsewhere', [undefined, 'http://kms:8600'], ['http://kms:8601', 'http://kms:8700']],
  ['an IPv6 address', [undefined, 'http://[::1]:8600'], ['http://[::1]:8601', 'http://[::1]:8700']],
  ['a domain and a mapped port', ['kms.test', 'http://kms.test:8600'], ['http://kms.b-c-1.kms.test:8601']],
  ['a proxy with TLS of its own', ['kms.test', 'https://kms.test'], ['https://kms.b-c-1.kms.test']],
  [
    'TLS and a URL, whose host is the domain',
    [undefined, 'https://kms.test:443', true],
    ['https://kms.b-c-1.kms.test'],
  ],
  [
    'an address for each region',
    ['kms.test', undefined, true, '127.0.0.2,127.0.0.3'],
    ['https://kms.b-c-1.kms.test:7600'],
  ],
  ['every address', [undefined, undefined, false, '0.0.0.0'], ['http://127.0.0.1:7601', 'http://127.0.0.1:7700']],
] as const)('%s decides what answers carry', (_, [domain, advertise, hasTls, host], expected) => {
  expect(endpoints(domain, advertise, hasTls, host)).toEqual(expected)
})

test.each([
  [['-a'], '--domain takes a name'],
  [['10.0.0.1'], '--domain takes a name'],
  [['a..b'], '--domain takes a name'],
  [['a/b'], '--domain takes a name'],
  [['kms.test', 'http://other.test:1'], 'names are below one domain'],
  [[undefined, 'http://kms.test'], 'needs a port'],
  [[undefined, 'kms.test:80'], '--advertise takes a scheme'],
  [[undefined, 'http://kms.test:80/path'], '--advertise takes a scheme'],
  [[undefined, 'http://u@kms.test:80'], '--advertise takes a scheme'],
  [[undefined, 'https://127.0.0.1:8443', true], 'There are no names below 127.0.0.1'],
] as const)('%j is refused in one line', ([domain, advertise, hasTls], says) => {
  expect(() => read(domain, advertise, hasTls)).toThrow(says)
})

test('regions are told each other’s names only where there are names', () => {
  const regions = ['a-b-1', 'b-c-1']
  expect(nameOrigins({ host: '127.0.0.1', advertised: null }, regions, [1, 2])).toEqual({})
  expect(nameOrigins({ host: '127.0.0.1', advertised: read('kms.test') }, regions, [1, 2])).toEqual({
    'a-b-1': { scheme: 'http', domain: 'kms.test', port: 1 },
    'b-c-1': { scheme: 'http', domain: 'kms.test', port: 2 },
  })
})
