import { readFileSync } from 'node:fs'
import { settingsFromEnvironment } from '../../local/cloudSettings.ts'
import { commands as commandRows, program } from '../../local/cli/commands.ts'
import { run } from './startedService.ts'

interface Command {
  /** What the script of package.json runs. */
  readonly script: string
  readonly flags: readonly string[]
  /** How its help has it typed, where not as here. */
  readonly typed?: string
}

const ofHost = program().commands.map((command) => {
  const flags = command.options.flatMap(({ long }) => (long === '--version' ? [] : (long?.slice(2) ?? [])))
  const name = command.name()
  return [name === 'start' ? 'npm start' : `npm run ${name}`, { script: `local/main.ts ${name}`, flags }] as const
})

/** What a person types, and every flag that it takes. */
const commands: Readonly<Record<string, Command>> = {
  ...Object.fromEntries(ofHost),
  'npm run receipt:verify': {
    script: 'local/main.ts receipt verify',
    flags: ['root'],
    typed: 'npm run receipt -- verify',
  },
  'npm run offline': { script: 'offline/main.ts', flags: ['data', 'port', 'regions'] },
  'npm run bench': { script: 'bench/run.ts', flags: ['only', 'stores', 'workers', 'peer'] },
  'npm run bench:compare': { script: 'bench/compare.ts', flags: [] },
  'npm run pack': { script: 'package/pack.ts', flags: ['to'] },
  'npm run simulate': {
    script: 'test/simulation/simulate.ts',
    flags: ['schedules', 'seed', 'workers', 'http', 'trace', 'only', 'order'],
  },
  'npm run package': {
    script: 'deploy/package.ts',
    flags: ['stage', 'regions', 'home', 'domain', 'hosted-zone', 'to'],
  },
  'npm run deploy': { script: 'deploy/deploy.ts', flags: ['stage', 'regions', 'home', 'domain', 'hosted-zone'] },
  'npm run remove': { script: 'deploy/remove.ts', flags: ['stage', 'regions', 'home', 'delete-data'] },
  'npm run put-back': {
    script: 'deploy/putBack.ts',
    flags: ['do', 'stage', 'regions', 'home', 'region', 'suffix'],
  },
  'npm run rewrap-keys': { script: 'deploy/rewrapKeys.ts', flags: ['stage', 'regions', 'home'] },
  'npm run export-audit': {
    script: 'deploy/exportAudit.ts',
    flags: ['stage', 'regions', 'home', 'target', 'from', 'until'],
  },
  'npm run provision': {
    script: 'deploy/provision.ts',
    flags: ['stage', 'regions', 'home', 'public-key', 'name', 'key-file', 'output'],
  },
}
const rows = Object.entries(commands)

function flagsIn(help: string): readonly string[] {
  return [...help.matchAll(/^ {2}--([a-z-]+)/gm)].map(([, flag = '']) => flag)
}

function runScript(script: string, args: readonly string[], environment: object = {}) {
  const [file = '', ...words] = script.split(' ')
  return run(file, [...words, ...args], environment)
}

test.each(rows)('%s --help names every flag', async (name, { script, flags, typed = `${name} -- ` }) => {
  const { code, out, err } = await runScript(script, ['--help'])
  expect({ code, err }).toEqual({ code: 0, err: '' })
  expect(out.split('\n')[0]).toContain(typed)
  expect(flagsIn(out)).toEqual(['version', ...flags, 'help'])
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
  const ours = Object.entries(scripts).flatMap(([name, text]) => {
    const script =
      /^node ((?:(?:local|offline|deploy|package|test\/simulation)\/.*|bench\/(?:run|compare))\.ts.*)$/.exec(text)?.[1]
    return script === undefined ? [] : [[name === 'start' ? 'npm start' : `npm run ${name}`, script]]
  })
  expect(Object.fromEntries(ours)).toEqual(Object.fromEntries(rows.map(([name, { script }]) => [name, script])))
})

test('every command of vaultspan has a script of its name, and vaultspan --help lists them all', async () => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Readonly<Record<string, string>> }
  const words = commandRows.map(({ name }) => name)
  expect(words.map((name) => scripts[name])).toEqual(words.map((name) => `node local/main.ts ${name}`))
  const { code, out } = await run('local/main.ts', ['--help'])
  const [, listed = ''] = out.split('Commands:\n')
  expect({ code, words: [...listed.matchAll(/^ {2}([a-z-]+) /gm)].map(([, name]) => name) }).toEqual({ code: 0, words })
  expect(await run('local/main.ts', [])).toEqual({ code: 0, out, err: '' })
})

test('flags without a command are those of start', async () => {
  expect(await run('local/main.ts', ['--port', 'x'])).toEqual(await run('local/main.ts', ['start', '--port', 'x']))
})

test.each([
  [['nope'], /^Unknown command 'nope'\. Run vaultspan --help\.\n$/],
  [['nope', '--help'], /^Unknown command 'nope'\. Run vaultspan --help\.\n$/],
  [['region', 'nope', '--help'], /^Unknown command 'nope'\. Run npm run region -- --help\.\n$/],
  [['start', 'now'], /^Too many arguments [^\n]*Run npm start -- --help\.\n$/],
  [['tour', '--dta', 'x'], /^Unknown option '--dta' \(Did you mean --data\?\) Run npm run tour -- --help\.\n$/],
  [['receipt', 'verify'], /^Missing required argument 'FILE'\. Run npm run receipt -- verify --help\.\n$/],
  [['region', 'init', '--bogus'], /^Unknown option '--bogus'\. Run npm run region -- init --help\.\n$/],
  [['hsm', 'migrate', '--bogus'], /^Unknown option '--bogus'\. Run npm run hsm -- migrate --help\.\n$/],
  [['hsm', 'migrate'], /^Required option '--region <NAME>' not specified\. Run npm run hsm -- migrate --help\.\n$/],
  [['receipt', 'verify', '/nope'], /^\/nope cannot be read: there is no such file\.\n$/],
  [['receipt', 'verify', '/nope', '--root', '/none'], /^There is no \/none: name the tenancy's root\.\n$/],
  // Node's mkdir of a path below /proc tries for ever.
  [
    ['start', '--data', '/proc/x'],
    /^\/proc\/x: (no directory can be made there|cannot be written); choose another --data\.\n$/,
  ],
  [['start', '--init', '/nope'], /^--init \/nope: there is no such file\n$/],
  [['redrive', 'lst'], /^The only word is list, not lst\. Run npm run redrive -- --help\.\n$/],
  [
    ['start', '--data', ''],
    /^--data has an empty value; is a variable of the shell not set\? Run npm start -- --help\.\n$/,
  ],
  [['hsm', 'init', '--data='], /^--data has an empty value; [^\n]*Run npm run hsm -- init --help\.\n$/],
  [['faults', '--data'], /^Option '--data <DIR>' argument missing\. Run npm run faults -- --help\.\n$/],
])('vaultspan %j is refused in one line that says what to type', async (args, says) => {
  const { code, out, err } = await run('local/main.ts', args)
  expect({ code, out, err }).toEqual({ code: 1, out: '', err: expect.stringMatching(says) as unknown })
})

test.each([
  [['faults', 'heal'], { npm_config_data: 'd' }, '--data d', 'npm run faults -- --data d heal'],
  [['start', '7700'], { npm_config_port: 'true' }, '--port', 'npm start -- --port 7700'],
])('of %j npm kept a flag, which is noticed before all else', async (args, kept, swallowed, typed) => {
  const { code, out, err } = await run('local/main.ts', args, { npm_lifecycle_event: args[0], ...kept })
  const says = `npm kept ${swallowed} for itself. Put -- before the flags: ${typed}\n`
  expect({ code, out, err }).toEqual({ code: 1, out: '', err: says })
})

test('npm start --help names every variable that it reads', async () => {
  const read = new Set(['LOG_LEVEL', 'WORKERS'])
  settingsFromEnvironment(new Proxy<NodeJS.ProcessEnv>({}, { get: (_, name) => (read.add(String(name)), undefined) }))
  const { out } = await run('local/main.ts', ['start', '--help'])
  const named = [...out.matchAll(/^ {2}([A-Z_\d]+) /gm)].map(([, name]) => name)
  expect(named.toSorted()).toEqual([...read].toSorted())
})
