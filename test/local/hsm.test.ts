import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeWithToken } from '../hsm/tokens/softHsm.ts'
import { freeBase } from './freePorts.ts'
import { preparedTokens as prepared } from './preparedTokens.ts'
import { isReady, run, startService, withDirectory } from './startedService.ts'

/** A snapshot of a cloud whose tokens are not beside its data. */
function withoutTokens(snapshot: string): void {
  rmSync(join(snapshot, 'hsm', 'tokens'), { recursive: true })
  const file = join(snapshot, 'snapshot.json')
  const { files, ...others } = JSON.parse(readFileSync(file, 'utf8')) as { readonly files: readonly { name: string }[] }
  writeFileSync(file, JSON.stringify({ ...others, files: files.filter(({ name }) => !name.startsWith('hsm/tokens/')) }))
}

describeWithToken('with the regions’ keys in tokens', () => {
  test.each([
    ['both regions', {}, ['us-ashburn-1', 'us-phoenix-1']],
    ['the home region alone', { PKCS11_REGIONS: 'us-ashburn-1', PKCS11_SOFTWARE_REPLICAS: 'on' }, ['us-ashburn-1']],
    ['the other region alone', { PKCS11_REGIONS: 'us-phoenix-1' }, ['us-phoenix-1']],
  ])('the tour passes in %s, for which hsm init has made tokens', (_which, more, regions) =>
    withDirectory(async (directory) => {
      const { data, environment, init, hsm } = prepared(directory, more)
      const made = await init()
      expect(made).toMatchObject({ code: 0, err: '' })
      const labels = made.out.match(/vaultspan [a-z]\S+(?: #\d)?/g)
      expect(labels).toEqual(regions.flatMap((each) => ['', ' #1', ' #2'].map((more) => `vaultspan ${each}${more}`)))
      expect(await hsm('status')).toMatchObject({ code: 0, out: expect.stringContaining('self test passed') as string })
      const base = await freeBase()
      const service = startService(data, base, [], environment)
      try {
        await isReady(service)
        expect(service.said.out).toContain('in the PKCS#11 tokens')
        const { code, out, err } = await run('local/main.ts', ['tour', '--data', data])
        expect({ code, err, ticks: out.split('✓').length - 1 }).toEqual({ code: 0, err: '', ticks: 17 })
      } finally {
        service.signal('SIGTERM')
        await service.exited
      }
    }),
  )

  test('init leaves what is there, and says so', () =>
    withDirectory(async (directory) => {
      const { init, data } = prepared(directory)
      expect((await init()).out.match(/made, with its roots/g)).toHaveLength(6)
      const config = readFileSync(join(data, 'hsm', 'softhsm2.conf'), 'utf8')
      expect((await init()).out.match(/nothing is changed/g)).toHaveLength(6)
      expect(readFileSync(join(data, 'hsm', 'softhsm2.conf'), 'utf8')).toBe(config)
    }))

  test('custodians bring lost tokens back by the command line, and what is wrong is one line', () =>
    withDirectory(async (directory) => {
      const { data, hsm, environment } = prepared(directory)
      const at = (name: string) => join(directory, name)
      const soPin = ['--so-pin-file', at('so.pin')]
      const [ann, bob, cid] = ['ann', 'bob', 'cid'].map(at)
      const custodians = ['--private', '1', '--custodian', ann ?? '', bob ?? '', cid ?? '']
      const refusal = (err: string) => ({ code: 1, out: '', err: expect.stringMatching(err) as string })
      expect(await hsm('init', ...soPin, ...custodians)).toEqual(refusal('^Custodians take --custodian FILE .*\n$'))
      const made = await hsm('init', ...soPin, ...custodians, '--threshold', '2', '--transcript', at('ceremony'))
      expect(made).toMatchObject({ code: 0, err: '', out: expect.stringContaining('2 of 3 shares restore') as string })
      const { share } = JSON.parse(readFileSync(at('ann'), 'utf8')) as { readonly share: string }
      expect(made.out).not.toContain(share)
      const verify = (...words: readonly string[]) => run('local/main.ts', ['hsm', 'verify', at('ceremony'), ...words])
      expect(await verify('--share', at('bob'))).toMatchObject({
        code: 0,
        out: expect.stringContaining('is share 2 of this ceremony') as string,
      })
      const backups = ['us-ashburn-1', 'us-phoenix-1'].map((region) => ({ region, file: at(region) }))
      const [{ file: backup } = { file: '' }] = backups
      expect(await hsm('backup', backup, '--region', 'us-ashburn-1')).toEqual(
        refusal('^us-ashburn-1 was not started yet, .*: start it once, then back it up\\.\n$'),
      )
      const base = await freeBase()
      const runs = async (work: () => Promise<void>) => {
        const service = startService(data, base, [], environment)
        try {
          await isReady(service)
          await work()
        } finally {
          service.signal('SIGTERM')
          await service.exited
        }
      }
      await runs(async () => {
        for (const { region, file } of backups)
          expect(await hsm('backup', file, '--region', region)).toMatchObject({ code: 0, err: '' })
        expect(await run('local/main.ts', ['snapshot', at('copy'), '--data', data], environment)).toMatchObject({
          code: 0,
          err: '',
        })
      })
      // The machine is lost, and the copy of its tokens with it: a vendor's would be in no snapshot either.
      rmSync(data, { recursive: true })
      withoutTokens(at('copy'))
      const restored = await run('local/main.ts', ['restore', at('copy'), '--data', data], environment)
      expect(restored).toMatchObject({
        code: 0,
        err: '',
        out: expect.stringMatching(
          /but the tokens of us-ashburn-1 and us-phoenix-1 are missing\. Next, for each of them: .*hsm -- restore BACKUP/,
        ) as string,
      })
      const restore = (file: string, ...shares: readonly string[]) =>
        hsm('restore', file, ...soPin, '--share', ...shares)
      expect(await restore(backup, at('ann'))).toEqual(
        refusal('^It takes 2 different shares; there are 1\\. Nothing was .*\n$'),
      )
      for (const { file } of backups)
        expect(await restore(file, at('ann'), at('cid'), '--recovery', at('copy/hsm/recovery.json'))).toMatchObject({
          code: 0,
          err: '',
          out: expect.stringContaining('made, with its keys') as string,
        })
      expect((await hsm('status')).out).toContain('us-ashburn-1  PKCS#11 token')
      await runs(async () => {
        const { code, err } = await run('local/main.ts', ['tour', '--data', data], environment)
        expect({ code, err }).toEqual({ code: 0, err: '' })
      })
    }))

  test('a start says in one line what is missing, and makes nothing', () =>
    withDirectory(async (directory) => {
      const { init, data, pin, environment } = prepared(directory)
      const base = await freeBase()
      const start = async (more: object = {}) => {
        const { code, err } = await run('local/main.ts', ['--data', data, '--port', String(base)], {
          ...environment,
          ...more,
        })
        return { code, err, isMade: existsSync(join(data, 'host.db')) }
      }
      const refused = (err: string) => ({ code: 1, err: expect.stringMatching(err) as string, isMade: false })
      expect(await start({ HSM: 'other' })).toEqual(refused('^HSM takes simulated or pkcs11\\.\n$'))
      expect(await start({ PKCS11_MODULE: '' })).toEqual(refused('^HSM=pkcs11 needs PKCS11_MODULE, .*\n$'))
      expect(await start({ PKCS11_MODULE: '/nowhere.so' })).toEqual(refused('^/nowhere.so is no PKCS#11 library .*\n$'))
      expect(await start({ PKCS11_REGIONS: 'us-ashburn-1,eu-nowhere-1' })).toEqual(
        refused(
          '^PKCS11_REGIONS names eu-nowhere-1, which is no region here; there are us-ashburn-1, us-phoenix-1\\..*\n$',
        ),
      )
      expect(await start({ PKCS11_PIN_FILE: '/nothere' })).toEqual(refused('^The PIN file /nothere cannot be read.\n$'))
      expect(await start()).toEqual(
        refused('^No token in .* has the label vaultspan us-.* Make it with hsm init\\.\n$'),
      )
      await init()
      chmodSync(pin, 0o644)
      expect(await start()).toEqual(refused('^The PIN file .* is open to other users; .*\n$'))
      writeFileSync(pin, 'another')
      chmodSync(pin, 0o600)
      expect(await start()).toEqual(refused('^The token vaultspan us-.* refuses the PIN\\. .*\n$'))
    }))

  test('a wrong PIN costs a token one try, however often a start is tried, and another file is tried again', () =>
    withDirectory(async (directory) => {
      const { init, data, pin, environment, hsm } = prepared(directory)
      await init()
      const right = readFileSync(pin, 'utf8')
      const put = (text: string, seconds: number) => {
        writeFileSync(pin, text)
        utimesSync(pin, seconds, seconds)
      }
      put(right.replace('user', 'USER'), 1_000)
      const base = await freeBase()
      const refused = async () => {
        const { code, err } = await run('local/main.ts', ['--data', data, '--port', String(base)], environment)
        expect({ code, err }).toEqual({ code: 1, err: expect.stringContaining('refuses the PIN') as string })
      }
      await refused()
      // As long as the file is the same it is not even tried: the token would take this one.
      put(right, 1_000)
      await refused()
      expect((await hsm('status')).out).toContain('refuses the PIN')
      put(right, 2_000)
      expect(await hsm('status')).toMatchObject({ code: 0, out: expect.stringContaining('self test passed') as string })
    }))

  test('a directory stays with the kind of HSM that it was made with', () =>
    withDirectory(async (directory) => {
      const { init, data, environment } = prepared(directory)
      await init()
      const startOnce = async (more: object) => {
        const service = startService(data, await freeBase(), [], { ...environment, ...more })
        await Promise.race([isReady(service).catch(() => undefined), service.exited])
        service.signal('SIGTERM')
        return { code: await service.exited, err: service.said.err }
      }
      expect(await startOnce({})).toEqual({ code: 0, err: '' })
      const doctor = (more: object = {}) =>
        run('local/main.ts', ['doctor', '--data', data], { ...environment, ...more })
      expect(await doctor()).toMatchObject({
        code: 0,
        out: expect.stringContaining('ok    the tokens of us-ashburn-1, us-phoenix-1 answer') as string,
      })
      expect(await doctor({ HSM: 'simulated' })).toMatchObject({
        code: 0,
        out: expect.stringMatching(/^warn {2}The keys of us-ashburn-1, us-phoenix-1 are in tokens/m) as string,
      })
      const tokens = join(data, 'hsm', 'tokens')
      renameSync(tokens, `${tokens}-away`)
      mkdirSync(tokens)
      expect(await doctor()).toMatchObject({
        code: 1,
        out: expect.stringMatching(/^fail {2}The tokens are not fit for use: [^\n]*vaultspan us-ashburn-1/m) as string,
      })
      rmSync(tokens, { recursive: true })
      renameSync(`${tokens}-away`, tokens)
      const { code, err } = await startOnce({ HSM: 'simulated' })
      expect({ code, err }).toEqual({ code: 1, err: expect.stringContaining('set HSM=pkcs11') as string })
      expect(await startOnce({})).toEqual({ code: 0, err: '' })
    }))

  test('a snapshot has the tokens, and serves where it is restored', () =>
    withDirectory(async (directory) => {
      const { init, data, environment } = prepared(directory)
      await init()
      const [kept, restored] = [join(directory, 'kept'), join(directory, 'restored')]
      const service = startService(data, await freeBase(), [], environment)
      await isReady(service)
      expect(await run('local/main.ts', ['snapshot', kept, '--data', data], environment)).toMatchObject({ code: 0 })
      service.signal('SIGTERM')
      await service.exited
      rmSync(data, { recursive: true })
      expect(await run('local/main.ts', ['restore', kept, '--data', restored])).toMatchObject({
        code: 1,
        err: expect.stringContaining('set HSM=pkcs11') as string,
      })
      const typo = { ...environment, PKCS11_REGIONS: 'eu-nowhere-1' }
      expect(await run('local/main.ts', ['restore', kept, '--data', restored], typo)).toMatchObject({
        code: 1,
        err: expect.stringContaining('names eu-nowhere-1, which is no region here') as string,
      })
      writeFileSync(join(directory, 'other.pin'), 'of another time\n', { mode: 0o600 })
      const other = { ...environment, PKCS11_PIN_FILE: join(directory, 'other.pin') }
      expect(await run('local/main.ts', ['restore', kept, '--data', restored], other)).toMatchObject({
        code: 1,
        err: expect.stringContaining('The tokens of the snapshot open by the PIN that they had then') as string,
      })
      expect(existsSync(restored)).toBe(false)
      expect(await run('local/main.ts', ['restore', kept, '--data', restored], environment)).toMatchObject({ code: 0 })
      const again = startService(restored, await freeBase(), [], environment)
      await isReady(again)
      again.signal('SIGTERM')
      expect(await again.exited).toBe(0)
    }))
})
