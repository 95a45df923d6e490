import { request } from 'node:http'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openSoftwareHsm } from '../../lib/hsm/software/softwareHsm.ts'
import { realm } from '../../lib/ocid.ts'
import { HostDirectory } from '../../local/directory/hostDirectory.ts'
import { describeWithToken, softHsmPath } from '../hsm/tokens/softHsm.ts'
import { freeBase } from './freePorts.ts'
import { runOnDisk, testOnDisk } from './ownDisk.ts'
import { isReady, run, startService, withDirectory } from './startedService.ts'

// Of the very first file, of the regions' stores, of what the regions do first.
testOnDisk.each(['4k', '40k', '100k'])(
  'a start on a disk of %s says that there is no room, and leaves nothing and nobody',
  (size) =>
    withDirectory(async (directory) => {
      const disk = join(directory, 'disk')
      const words = ['start', '--data', join(disk, 'data'), '--port', String(await freeBase())]
      const { code, out, err } = await runOnDisk(disk, size, words, { LOG_LEVEL: 'silent' })
      expect({ code, out }).toEqual({ code: 1, out: '' })
      expect(err).toMatch(/^[^\n]*disk is full[^\n]*make room on it[^\n]*\n$/)
    }),
)

/** What is full, how large it is, where the data, two shares and the transcript lie, and what is said. */
type Ceremony = readonly [
  string,
  string,
  readonly [string, string, string, string],
  (at: (name: string) => string) => string,
]

describeWithToken('a region that there is not', () => {
  test('is told by every command with those that there are, and nothing is made', () =>
    withDirectory(async (directory) => {
      const at = (name: string) => join(directory, name)
      const data = at('data')
      for (const region of ['us-ashburn-1', 'us-phoenix-1'])
        openSoftwareHsm({ region, realm, file: join(data, 'hsm', `${region}.json`) }).createTenancyRoot(
          'ocid1.tenancy.oc1..first',
        )
      writeFileSync(at('user.pin'), '1234', { mode: 0o600 })
      writeFileSync(at('so.pin'), '5678', { mode: 0o600 })
      const environment = { PKCS11_MODULE: softHsmPath, PKCS11_PIN_FILE: at('user.pin'), SOFTHSM2_CONF: undefined }
      const told = async (HSM: string, ...words: readonly string[]) => {
        const { code, out, err } = await run('local/main.ts', ['hsm', ...words, '--data', data], {
          ...environment,
          HSM,
        })
        expect({ code, out }).toEqual({ code: 1, out: '' })
        return err
      }
      const none = `There is no region us-typo-1 in ${data}; there are us-ashburn-1, us-phoenix-1.\n`
      const ceremony = ['--custodian', at('a'), at('b'), '--threshold', '2', '--transcript', at('c')]
      const init = ['init', '--so-pin-file', at('so.pin'), ...ceremony]
      expect(await told('simulated', ...init, '--regions', 'us-typo-1')).toMatch(
        /^There is no region us-typo-1 in .* yet; there are us-ashburn-1, us-phoenix-1\. .*\n$/,
      )
      expect(await told('pkcs11', ...init, '--regions', 'us-ashburn-1,typo')).toMatch(/^"typo" is not a region name/)
      expect(existsSync(join(data, 'hsm', 'tokens'))).toBe(false)
      expect(await told('pkcs11', 'attest', '--region', 'us-typo-1')).toBe(none)
      const made = await run('local/main.ts', ['hsm', ...init, '--data', data], { ...environment, HSM: 'simulated' })
      expect(made).toMatchObject({ code: 0, err: '' })
      expect(await told('simulated', 'backup', at('backup'), '--region', 'us-typo-1')).toBe(none)
      new HostDirectory(data).close()
      expect(await told('pkcs11', 'migrate', '--region', 'us-typo-1')).toBe(none)
    }))
})

describeWithToken('with tokens', () => {
  testOnDisk.each([
    [
      'a data directory without room',
      '4k',
      ['disk/data', 'a', 'b', 'c'],
      (at) => `${at('disk/data/hsm/unfinished-ceremonies.json')}: its disk is full`,
    ],
    [
      'a stick with room for one share',
      '4k',
      ['data', 'disk/a', 'disk/b', 'c'],
      (at) => `${at('disk/b')}: its disk is full`,
    ],
    ['tokens without room', '40k', ['disk/data', 'a', 'b', 'c'], () => 'The HSM’s library failed: C_'],
  ] as const satisfies readonly Ceremony[])(
    'a ceremony on %s says so in one line, and leaves no share',
    (_, size, names, says) =>
      withDirectory(async (directory) => {
        const at = (name: string) => join(directory, name)
        for (const name of ['so.pin', 'user.pin']) writeFileSync(at(name), `${name} 1234\n`, { mode: 0o600 })
        const environment = { PKCS11_MODULE: softHsmPath, PKCS11_PIN_FILE: at('user.pin'), SOFTHSM2_CONF: undefined }
        const [data = '', ann = '', bob = '', transcript = ''] = names.map(at)
        const words = ['hsm', 'init', '--data', data, '--so-pin-file', at('so.pin'), '--regions', 'us-ashburn-1']
        const ceremony = ['--private', '1', '--custodian', ann, bob, '--threshold', '2', '--transcript', transcript]
        const { code, out, err } = await runOnDisk(at('disk'), size, [...words, ...ceremony], environment)
        expect({ code, out }).toEqual({ code: 1, out: data.includes('disk') ? 'data\n' : '' })
        expect(err.split('\n')).toEqual([expect.stringContaining(says(at)) as string, ''])
        expect([ann, bob, transcript].filter((file) => existsSync(file))).toEqual([])
      }),
  )
})

testOnDisk('a backup and its restore on a full disk name the file, and leave nothing half written', () =>
  withDirectory(async (directory) => {
    const at = (name: string) => join(directory, name)
    const region = 'us-ashburn-1'
    const file = join(at('data'), 'hsm', `${region}.json`)
    openSoftwareHsm({ region, realm, file }).createTenancyRoot('ocid1.tenancy.oc1..first')
    const simulated = { HSM: 'simulated' }
    const ceremony = ['--custodian', at('a'), at('b'), '--threshold', '2', '--transcript', at('c')]
    const words = (data: string, ...more: readonly string[]) => ['hsm', ...more, '--data', data]
    const made = await run('local/main.ts', words(at('data'), 'init', '--regions', region, ...ceremony), simulated)
    expect(made).toMatchObject({ code: 0, err: '' })
    const backup = (to: string) => words(at('data'), 'backup', to, '--region', region)
    const full = (name: string) =>
      expect.stringMatching(`${at(name)}: its disk is full; make room on it, .*\n$`) as string
    const onDisk = (size: string, all: readonly string[]) => runOnDisk(at('disk'), size, all, simulated)
    expect(await onDisk('4k', backup(at('disk/backup')))).toEqual({ code: 1, out: '', err: full('disk/backup') })
    expect(await run('local/main.ts', backup(at('backup')), simulated)).toMatchObject({ code: 0, err: '' })
    const restore = words(at('disk/data'), 'restore', at('backup'), '--share', at('a'), at('b'))
    expect(await onDisk('4k', restore)).toEqual({ code: 1, out: 'data\n', err: full('disk/data/hsm/recovery.json') })
  }),
)

/** What a region answers to whoever calls it by this name. */
function askAs(host: string, port: number, path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, headers: { host }, agent: false }, (answer) => {
      let body = ''
      answer.setEncoding('utf8').on('data', (part: string) => (body += part))
      answer.once('end', () => {
        resolve({ status: answer.statusCode ?? 0, body })
      })
    })
      .once('error', reject)
      .end()
  })
}

test.each([
  ['ports', []],
  ['names', ['--domain', 'kms.test']],
])('with %s, a Host that is not ours is told so before anything of the request is looked at', (_, flags) =>
  withDirectory(async (directory) => {
    const base = await freeBase()
    const service = startService(directory, base, flags, { LOG_LEVEL: 'info' })
    await isReady(service)
    for (const host of ['evil.test', `evil.test:${base}`, `kms.us-ashburn-1.oraclecloud.com:${base}`]) {
      const { status, body } = await askAs(host, base, '/20180608/vaults?compartmentId=x')
      expect([host, status, body]).toEqual([
        host,
        404,
        expect.stringContaining('under the host that this request names'),
      ])
    }
    service.signal('SIGTERM')
    expect(await service.exited).toBe(0)
    expect(service.said.out + service.said.err).toContain('evil.test')
  }),
)
