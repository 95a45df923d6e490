import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { freeBase } from '../../local/freePorts.ts'
import { run, startProcess, withDirectory } from '../../local/startedService.ts'
import { onLocalStack } from './onLocalStack.ts'

const steps = 17

await onLocalStack('npm run offline', (aws) => {
  test('the tour passes over the deployed functions, called by streams and queues, and again after a restart', () =>
    withDirectory(async (directory) => {
      const base = await freeBase()
      const environment = { AWS_ENDPOINT_URL: aws.endpoint }
      for (let round = 0; round < 2; round += 1) {
        const service = startProcess('offline/main.ts', ['--data', directory, '--port', String(base)], environment)
        try {
          await service.hasSaid('Stop with Ctrl-C.')
          const { code, out } = await run('local/main.ts', ['tour', '--data', directory])
          const ticks = out.split('\n').filter((line) => line.includes('✓')).length
          expect({ code, ticks }).toEqual({ code: 0, ticks: steps })
        } finally {
          service.signal('SIGTERM')
          await service.exited
        }
      }
      const logs = join(directory, 'logs')
      const logged = readdirSync(logs).map((file) => readFileSync(join(logs, file), 'utf8'))
      expect(logged.join('')).toContain('(λ: apply)')
      expect(logged.join('')).not.toMatch(/\[object Object\]|PRIVATE KEY|"level":"error"/)
    }))

  test('a wrong flag is said in one line', async () => {
    const { code, err } = await run('offline/main.ts', ['--port', 'none'])
    expect({ code, err }).toEqual({ code: 1, err: '--port takes a whole number from 1 to 65000.\n' })
  })
})
