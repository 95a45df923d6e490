import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SessionAuthDetailProvider } from 'oci-common'
import { IdentityClient } from 'oci-identity'
import { openSession } from '../../local/calls/openSession.ts'
import { startCloud, type Cloud } from '../../local/cloud/startCloud.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { noHurry } from '../harness/noHurry.ts'
import { oidcIssuer } from '../harness/oidcIssuer.ts'
import { callerOf } from './signedCaller.ts'

/** `vaultspan session`, as somebody types it, and Oracle's own client with what it wrote. */

let directory: string
let cloud: Cloud
const flags = () => ({ data: directory, profile: 'DEFAULT', minutes: 60 })
const file = (...parts: string[]) => join(directory, ...parts)
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'vaultspan-session-'))
  cloud = await startCloud({ directory, port: 0, generateRsa: knownRsaPair, settings: noHurry })
})
afterAll(async () => {
  await cloud.close()
  rmSync(directory, { recursive: true })
})

function identity(config: string, endpoint = ''): IdentityClient {
  const client = new IdentityClient({ authenticationDetailsProvider: new SessionAuthDetailProvider(config, 'DEFAULT') })
  client.endpoint = endpoint
  return client
}

test('a session by the profile that the service wrote works in both regions, and its files are their owner’s alone', async () => {
  const { config, principal } = await openSession(flags())
  expect(principal).toBe('administrator')
  for (const { endpoint } of cloud.regions) {
    const client = identity(config, endpoint)
    expect((await client.listUsers({ compartmentId: cloud.tenancyId })).items).toHaveLength(1)
    client.close()
  }
  for (const name of ['config', 'session.pem', 'token']) {
    expect(statSync(file('oci', 'session', name)).mode & 0o777).toBe(0o600)
  }
  expect(readFileSync(file('oci', 'session', 'token'), 'utf8')).toMatch(/^[\w.-]+$/)
})

test('a session by a token of a trusted issuer, with the endpoint given', async () => {
  const issuer = oidcIssuer()
  const details = { issuer: issuer.issuer, audience: issuer.audience, jwks: issuer.jwks }
  const rule = { matchingRule: "request.principal.sub = 'job'" }
  const [home, other] = cloud.regions
  const call = callerOf(cloud)
  await call('POST', `${home?.endpoint}/20160918/trustedIssuers`, {
    compartmentId: cloud.tenancyId,
    name: 'issuer',
    description: 'd',
    ...details,
    ...rule,
  })
  writeFileSync(file('oidc'), `${await issuer.token({ sub: 'job' })}\n`)
  const out = file('job')
  const given = {
    ...flags(),
    data: file('elsewhere'),
    endpoint: other?.endpoint ?? '',
    oidcTokenFile: file('oidc'),
    out,
  }
  await expect(openSession(given)).rejects.toThrow('Give --tenancy')
  const whole = { ...given, tenancy: cloud.tenancyId, region: 'us-phoenix-1' }
  const { config, principal } = await openSession(whole)
  expect(principal).toBe('job')
  const client = identity(config, home?.endpoint)
  // Known, and granted nothing.
  await expect(client.listUsers({ compartmentId: cloud.tenancyId })).rejects.toMatchObject({ statusCode: 404 })
  client.close()
  writeFileSync(file('oidc'), await issuer.token({ sub: 'another job' }))
  await expect(openSession(whole)).rejects.toThrow(
    /The service refused \(401\): The issuer is trusted, but not for this token/,
  )
})

test.each([
  ['a profile that is not there', { profile: 'NONE' }, /has no profile \[NONE\]/],
  ['a file that is not there', { configFile: '/none' }, /\/none cannot be read/],
  ['a directory without a service', { data: '/none' }, /There is no service in \/none/],
  [
    'an endpoint where nobody is',
    { data: '/none', endpoint: 'http://127.0.0.1:1', configFile: 'own' },
    /does not answer/,
  ],
])('%s is told in one line', async (_what, more, says) => {
  const configFile = 'configFile' in more && more.configFile === 'own' ? file('oci', 'config') : undefined
  const given = { ...flags(), ...more, ...(configFile === undefined ? {} : { configFile }) }
  await expect(openSession(given)).rejects.toThrow(says)
})
