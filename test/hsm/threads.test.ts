import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '../local/startedService.ts'
import { nssPath } from './tokens/nss.ts'
import { softHsmPath } from './tokens/softHsm.ts'

const libraries: readonly (readonly [string, string | undefined])[] = [
  ['SoftHSM', softHsmPath],
  ['NSS softokn', nssPath],
]

test.each(libraries.filter(([, path]) => path !== undefined))(
  'threads of one process use a token of %s at once, while it is started anew, goes away, and threads are ended',
  async (_name, path) => {
    const place = mkdtempSync(join(tmpdir(), 'vaultspan-threads-'))
    try {
      mkdirSync(join(place, 'tokens'))
      const file = join(place, 'softhsm2.conf')
      writeFileSync(file, `directories.tokendir = ${join(place, 'tokens')}\nobjectstore.backend = file\n`)
      const tokens = `<0x4=[configDir='sql:${join(place, 'tokens')}' tokenDescription='threads']>`
      const text = path === nssPath ? [`configDir='' flags=passwordRequired tokens=${tokens}`] : []
      const ended = await run('test/hsm/tokens/threadsOfToken.ts', [path ?? '', ...text], { SOFTHSM2_CONF: file })
      expect(ended).toMatchObject({ code: 0, err: '' })
      expect(ended.out).toMatch(/\ngood \d+, refused \d+, started anew \d+\n$/)
    } finally {
      rmSync(place, { recursive: true })
    }
  },
)
