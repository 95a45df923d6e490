import { readFileSync } from 'node:fs'
import { settingsFromEnvironment } from '../../local/cloudSettings.ts'
import { run } from './startedService.ts'

interface Command {
  readonly script: string
  readonly flags: readonly string[]
}

/** What a person types, and every flag that it takes. */
const commands: Readonly<Record<string, Command>> = {
  'npm start': { script: 'local/main.ts', flags: ['data', 'port', 'regions', 'host', 'cut', 'recover', 'import'] },
  'npm run tour': { script: 'local/tour.ts', flags: ['data'] },
  'npm run faults': { script: 'local/faultsCli.ts', flags: ['data'] },
  'npm run reset-administrator': { script: 'local/resetAdministratorCli.ts', flags: ['data'] },
  'npm run receipt:verify': { script: 'local/receiptCli.ts', flags: ['root'] },
  'npm run redrive': { script: 'local/redriveCli.ts', flags: ['data', 'region', 'queue'] },
  'npm run offline': { script: 'offline/main.ts', flags: ['data', 'port', 'regions'] },
  'npm run package': {
    script: 'deploy/package.ts',
    flags: ['stage', 'regions', 'home', 'domain', 'hosted-zone', 'to'],
  },
  'npm run deploy': { script: 'deploy/deploy.ts', flags: ['stage', 'regions', 'home', 'domain', 'hosted-zone'] },
  'npm run remove': { script: 'deploy/remove.ts', flags: ['stage', 'regions', 'home', 'delete-data'] },
  'npm run provision': {
    script: 'deploy/provision.ts',
    flags: ['stage', 'regions', 'home', 'public-key', 'name', 'key-file', 'output'],
  },
}
const rows = Object.entries(commands)

function flagsIn(help: string): readonly string[] {
  return [...help.matchAll(/^ {2}--([a-z-]+)/gm)].map(([, flag = '']) => flag)
}

test.each(rows)('%s --help names every flag', async (name, { script, flags }) => {
  const { code, out, err } = await run(script, ['--help'])
  expect({ code, err }).toEqual({ code: 0, err: '' })
  expect(out.split('\n')[0]).toContain(`${name} -- `)
  expect(flagsIn(out)).toEqual([...flags, 'help', 'version'])
})

test('--version is that of package.json', async () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
  expect(await run('local/main.ts', ['--version'])).toEqual({ code: 0, out: `Vaultspan ${version}\n`, err: '' })
})

test('a flag that npm kept for itself is noticed, and the answer is what to type', async () => {
  const environment = { npm_lifecycle_event: 'deploy', npm_config_stage: 'prod', npm_config_hosted_zone: 'Z1' }
  expect(await run('deploy/deploy.ts', ['--domain', 'example.com'], environment)).toEqual({
    code: 1,
    out: '',
    err:
      'npm kept --stage prod and --hosted-zone Z1 for itself. Put -- before the flags: ' +
      'npm run deploy -- --stage prod --hosted-zone Z1 --domain example.com\n',
  })
})

test('a flag that a command does not have is refused in one line that names --help', async () => {
  const { code, out, err } = await run('deploy/remove.ts', ['--nonsense'])
  expect({ code, out }).toEqual({ code: 1, out: '' })
  expect(err).toMatch(/^[^\n]*--nonsense[^\n]* Run npm run remove -- --help\.\n$/)
})

test('every script of package.json that a person runs with flags is here', () => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Readonly<Record<string, string>> }
  const ours = Object.entries(scripts).filter(([, text]) => /^node (local|offline|deploy)\/.*\.ts$/.test(text))
  const names = ours.map(([name]) => (name === 'start' ? 'npm start' : `npm run ${name}`))
  expect(names.toSorted()).toEqual(Object.keys(commands).toSorted())
})

test('npm start --help names every variable that it reads', async () => {
  const read = new Set(['LOG_LEVEL'])
  settingsFromEnvironment(new Proxy<NodeJS.ProcessEnv>({}, { get: (_, name) => (read.add(String(name)), undefined) }))
  const { out } = await run('local/main.ts', ['--help'])
  const named = [...out.matchAll(/^ {2}([A-Z_]+) /gm)].map(([, name]) => name)
  expect(named.toSorted()).toEqual([...read].toSorted())
})
