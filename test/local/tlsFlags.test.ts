import { existsSync, readFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { authorityFile, localAuthority } from '../../local/tls/localAuthority.ts'
import { answered } from '../harness/until.ts'
import { freeBase, takePort } from './freePorts.ts'
import { isReady, run, startService, withDirectory } from './startedService.ts'

const regions = ['us-ashburn-1', 'us-phoenix-1']

/** One line on stderr, nothing on stdout, exit code 1, and nothing in the directory. */
async function refusal(directory: string, args: readonly string[]): Promise<string> {
  const data = join(directory, 'data')
  const { code, out, err } = await run('local/main.ts', ['start', '--data', data, ...args])
  expect({ code, out, isThere: existsSync(data) }).toEqual({ code: 1, out: '', isThere: false })
  expect(err).toMatch(/^[^\n]+\n$/)
  return err.trim()
}

test.each([
  [['--tls-cert', 'c.pem'], '--tls-cert and --tls-key go together.'],
  [['--tls', '--tls-cert', 'c.pem', '--tls-key', 'k.pem'], '--tls makes a certificate'],
  [['--tls-cert', 'absent.pem', '--tls-key', 'k.pem'], 'absent.pem is not there.'],
  [['--domain', '10.0.0.1'], '--domain takes a name like localhost'],
  [['--advertise', 'kms.test'], '--advertise takes a scheme'],
  [['--tls', '--advertise', 'http://localhost:1'], 'is no HTTPS, which is what is served.'],
  [
    ['--host', '127.0.0.2,127.0.0.3,127.0.0.4'],
    '--host takes one address, or one for each of the 2 regions; it has 3.',
  ],
] as const)('%j is refused in one line, and nothing is written', (args, says) =>
  withDirectory(async (directory) => {
    const base = await freeBase()
    expect(await refusal(directory, ['--port', String(base), ...args])).toContain(says)
  }),
)

test('a certificate of another domain, or another’s key, is refused before anything is written', () =>
  withDirectory(async (directory) => {
    const base = String(await freeBase())
    const folder = join(directory, 'made')
    const { certFile, keyFile } = await localAuthority({ folder, domain: 'kms.test', regions, now: Date.now() })
    const files = (cert: string, key: string) => ['--port', base, '--tls-cert', cert, '--tls-key', key]
    expect(await refusal(directory, files(certFile, keyFile))).toMatch(
      /server\.pem does not speak for kms\.us-ashburn-1\.localhost, \*\.kms\.us-ashburn-1\.localhost, /,
    )
    const domain = ['--domain', 'kms.test']
    const otherKey = join(folder, 'ca.key.pem')
    expect(await refusal(directory, [...files(certFile, otherKey), ...domain])).toMatch(
      /ca\.key\.pem is not the key of the certificate in .*server\.pem\.$/,
    )
  }))

test('a port that is taken is said in one line, and no authority is made', () =>
  withDirectory(async (directory) => {
    const base = await freeBase()
    const taken = await takePort(base)
    expect(await refusal(directory, ['--port', String(base), '--tls'])).toMatch(new RegExp(`^Port ${base} is taken`))
    await taken.close()
  }))

function health(directory: string, port: number, host: string): Promise<{ region: string }> {
  const ca = readFileSync(authorityFile(join(directory, 'tls')))
  return new Promise((resolve, reject) => {
    const servername = host.replace(/:.*/, '')
    const options = { host: '127.0.0.1', port, path: '/healthz', ca, servername, headers: { host } }
    request(options, (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (part: string) => (text += part))
      answer.once('end', () => {
        resolve(JSON.parse(text) as { region: string })
      })
    })
      .once('error', reject)
      .end()
  })
}

test('npm start -- --tls serves each region under its names, says whom to trust, and a killed region comes back so', () =>
  withDirectory(async (directory) => {
    const base = await freeBase()
    const service = startService(directory, base, ['--tls'])
    await isReady(service)
    expect(service.said.out).toContain(`us-ashburn-1  https://kms.us-ashburn-1.localhost:${base}   home region`)
    expect(service.said.out).toContain(`export REQUESTS_CA_BUNDLE=${directory}/tls/ca.pem`)
    expect(JSON.parse(readFileSync(join(directory, 'endpoints.json'), 'utf8'))).toMatchObject({
      regions: [
        { region: 'us-ashburn-1', endpoint: `https://kms.us-ashburn-1.localhost:${base}` },
        { region: 'us-phoenix-1', endpoint: `https://kms.us-phoenix-1.localhost:${base + 1}` },
      ],
      authority: join(directory, 'tls', 'ca.pem'),
    })
    const named = `kms.us-phoenix-1.localhost:${base + 1}`
    expect(await health(directory, base + 1, named)).toMatchObject({ region: 'us-phoenix-1' })
    const hosts = await run('local/main.ts', ['hosts', '--data', directory])
    expect(hosts.out).toContain('127.0.0.1 kms.us-phoenix-1.localhost identity.us-phoenix-1.localhost')
    expect(hosts.out).toContain('OCI_REGION_METADATA=')
    const kill = await run('local/main.ts', ['faults', 'kill', 'us-phoenix-1', '--data', directory])
    expect(kill.code).toBe(0)
    await answered(() => health(directory, base + 1, named))
    service.signal('SIGTERM')
    expect(await service.exited).toBe(0)
  }))

test('without names hosts says how to get them', () =>
  withDirectory(async (directory) => {
    const service = startService(directory, await freeBase())
    await isReady(service)
    const { code, err } = await run('local/main.ts', ['hosts', '--data', directory])
    expect({ code, err }).toEqual({
      code: 1,
      err: 'This service tells its vaults apart by their ports; start it with --domain or --tls for names.\n',
    })
    service.signal('SIGTERM')
    await service.exited
  }))
