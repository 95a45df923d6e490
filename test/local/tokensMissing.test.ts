import { cpSync, mkdirSync, readdirSync, renameSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeWithToken } from '../hsm/tokens/softHsm.ts'
import { freeBase } from './freePorts.ts'
import { preparedTokens } from './preparedTokens.ts'
import { run, withDirectory } from './startedService.ts'

describeWithToken('a directory of tokens', () => {
  test('where its own tokens are lost others of the same names are not looked at, nor the PIN tried on them', () =>
    withDirectory(async (directory) => {
      const [own, others] = ['own', 'others'].map((name) => {
        mkdirSync(join(directory, name))
        return preparedTokens(join(directory, name))
      })
      if (own === undefined || others === undefined) throw new Error('There are two.')
      for (const each of [own, others]) expect(await each.init()).toMatchObject({ code: 0, err: '' })
      // SoftHSM's default for a user; theirs have another PIN.
      mkdirSync(join(directory, '.config', 'softhsm2'), { recursive: true })
      cpSync(join(others.data, 'hsm', 'softhsm2.conf'), join(directory, '.config', 'softhsm2', 'softhsm2.conf'))
      writeFileSync(own.pin, 'another 5678\n')
      utimesSync(own.pin, 1, 1)
      renameSync(join(own.data, 'hsm', 'tokens'), join(directory, 'away'))
      const environment = { ...own.environment, HOME: directory }
      const says = `The tokens are missing: they lay in ${join(own.data, 'hsm', 'tokens')} (`
      const commands = [
        ['hsm', 'status'],
        ['start', '--port', String(await freeBase())],
      ]
      for (const words of commands) {
        const { code, out, err } = await run('local/main.ts', [...words, '--data', own.data], environment)
        expect({ words, code, out, err }).toEqual({
          words,
          code: 1,
          out: '',
          err: expect.stringContaining(says) as string,
        })
        expect(err).toContain('hsm restore brings them back')
      }
      expect(readdirSync(join(own.data, 'hsm')).filter((name) => name.endsWith('pin-refused'))).toEqual([])
      renameSync(join(directory, 'away'), join(own.data, 'hsm', 'tokens'))
      writeFileSync(own.pin, 'user.pin 1234\n')
      expect(await own.hsm('status')).toMatchObject({ code: 0, err: '' })
    }))
})
