import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { freeBase } from './freePorts.ts'
import { isReady, startProgram, startService, withDirectory } from './startedService.ts'

/** A disk of a size that one chooses, for one process and its children: a file system in memory, in a namespace of its own. */
const ownDisk = ['--user', '--map-root-user', '--mount', 'sh', '-c']
const canMount = spawnSync('unshare', [...ownDisk, 'mount -t tmpfs none /mnt']).status === 0
const main = join(import.meta.dirname, '..', '..', 'local', 'main.ts')

// Of the very first file, of the regions' stores, of what the regions do first.
const onDisk = canMount ? test : test.skip
onDisk.each(['4k', '40k', '100k'])(
  'a start on a disk of %s says that there is no room, and leaves nothing and nobody',
  (size) =>
    withDirectory(async (directory) => {
      const disk = join(directory, 'disk')
      mkdirSync(disk)
      const script = `mount -t tmpfs -o size=${size} none "$0" && { "$@"; code=$?; ls -A "$0"; exit $code; }`
      const words = [main, 'start', '--data', join(disk, 'data'), '--port', String(await freeBase())]
      const started = startProgram('unshare', [...ownDisk, script, disk, process.execPath, ...words], {
        LOG_LEVEL: 'silent',
      })
      // Comes only when no process is left that writes to its output.
      expect(await started.exited).toBe(1)
      expect(started.said.out).toBe('')
      expect(started.said.err).toMatch(/^[^\n]*disk is full[^\n]*make room on it[^\n]*\n$/)
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
