import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HostDirectory } from '../../local/directory/hostDirectory.ts'
import { tokensCheck } from '../../local/doctor/tokensCheck.ts'
import { program } from '../../local/cli/commands.ts'
import { settingsCheck } from '../../local/doctor/machineChecks.ts'
import { pinFromFileOrPrompt } from '../../local/hsm/pin.ts'
import { regionsHere, regionsToCome } from '../../local/hsm/regionsHere.ts'
import { requireTokensIn } from '../../local/hsm/requireTokensIn.ts'
import { requireOwnToken, requireTokenRegions, tokenLabel, tokenSettings } from '../../local/hsm/tokenSettings.ts'

const environment = { HSM: 'pkcs11', PKCS11_MODULE: '/a.so', PKCS11_PIN_FILE: '/a.pin' }
const [home, other] = ['us-ashburn-1', 'us-phoenix-1']
const settings = (more: object = {}) => tokenSettings({ ...environment, ...more })
const of = (regions: string) => settings({ PKCS11_REGIONS: regions })

test.each([
  ['', 'PKCS11_REGIONS is empty; name'],
  [' ', 'PKCS11_REGIONS is empty; name'],
  ['us-ashburn-1,', 'PKCS11_REGIONS: "" is not a region name'],
  ['us-ashburn-1 us-phoenix-1', 'PKCS11_REGIONS: "us-ashburn-1 us-phoenix-1" is not a region name'],
])('PKCS11_REGIONS "%s" is refused whoever reads it', (text, says) => {
  expect(() => of(text)).toThrow(says)
})

test.each(['', '  '])('PKCS11_LABEL "%s" is refused', (label) => {
  expect(() => settings({ PKCS11_LABEL: label })).toThrow('PKCS11_LABEL is empty')
})

test('every hsm command reads HSM and the names of the variables as a start does', async () => {
  const hsm = program().commands.find((command) => command.name() === 'hsm')
  const words = (hsm?.commands ?? []).map((command) => [
    command.name(),
    ...command.registeredArguments.map(() => '/none'),
    ...command.options.flatMap(({ mandatory, long }) => (mandatory ? [long ?? '', '/none'] : [])),
  ])
  expect(words.length).toBeGreaterThan(8)
  const kept = { ...process.env }
  try {
    for (const [name, value, says] of [
      ['HSM', 'pkcs12', 'HSM takes simulated or pkcs11.'],
      ['PKCS11_REGION', 'x', 'PKCS11_REGION is no variable here; did you mean PKCS11_REGIONS?'],
    ] as const) {
      process.env = { ...kept, [name]: value }
      for (const each of words)
        await expect(program().parseAsync(['hsm', ...each], { from: 'user' })).rejects.toThrow(says)
    }
  } finally {
    process.env = kept
  }
})

test.each([
  ['PKCS11_REGION', 'PKCS11_REGIONS'],
  ['PKCS11_LABL', 'PKCS11_LABEL'],
  ['PKCS11_PINFILE', 'PKCS11_PIN_FILE'],
])('the slip %s is refused by a start and doctor, with %s', (slip, meant) => {
  const says = `${slip} is no variable here; did you mean ${meant}?`
  expect(() => settings({ [slip]: 'x' })).toThrow(says)
  expect(settingsCheck({ ...environment, [slip]: 'x' })).toMatchObject([{ level: 'fail', says }])
  expect(tokenSettings({ [slip]: 'x' })).toBeNull()
})

test('another program’s variable is let be, and doctor names it', () => {
  settings({ PKCS11_PROXY_SOCKET: 'x' })
  const [, found] = settingsCheck({ ...environment, PKCS11_PROXY_SOCKET: 'x' })
  expect(found).toMatchObject({ level: 'warn', says: expect.stringContaining('PKCS11_PROXY_SOCKET is none') as string })
  expect(settingsCheck(environment)).toHaveLength(1)
})

test('an empty PKCS11_PIN_FILE is said to be that', async () => {
  expect(() => settings({ PKCS11_PIN_FILE: '' })).toThrow(
    'the file that holds the PIN of the tokens’ user; it is empty',
  )
  await expect(pinFromFileOrPrompt('', 'the service’s', 'PKCS11_PIN_FILE')).rejects.toThrow('PKCS11_PIN_FILE is empty')
})

test('a label that no token takes is refused, by the start too', () => {
  const label = 'x'.repeat(32 - home.length - 1)
  expect(tokenLabel({ label }, home)).toHaveLength(32)
  const long = settings({ PKCS11_LABEL: `${label}x` })
  expect(() => {
    requireTokenRegions(long, [home])
  }).toThrow('has at most 32 bytes')
})

test('a name that is no region is refused: the region that was meant would be simulated', () => {
  const check = (regions: string) => () => {
    requireTokenRegions(of(regions), [home, other])
  }
  expect(check('us-ashburn-1,eu-nowhere-1')).toThrow('names eu-nowhere-1, which is no region here')
  expect(check(' us-phoenix-1 ')).not.toThrow()
  expect(check('us-ashburn-1, us-phoenix-1')).not.toThrow()
  requireTokenRegions(settings(), [home])
  requireTokenRegions(tokenSettings({ PKCS11_REGIONS: 'eu-nowhere-1' }), [home])
})

test('a region on a machine of its own is named where any is', () => {
  requireOwnToken(of('us-ashburn-1,us-phoenix-1'), home)
  expect(() => {
    requireOwnToken(of('us-phoenix-1'), home)
  }).toThrow('PKCS11_REGIONS does not name us-ashburn-1')
})

test('doctor says it of the regions that are there', async () => {
  const patient = {
    data: '/none',
    stored: [home, other],
    status: undefined,
    file: (...words: string[]) => join('/none', ...words),
  }
  const found = await tokensCheck(patient, { ...environment, PKCS11_REGIONS: 'eu-nowhere-1' })
  expect(found).toMatchObject([{ level: 'fail', says: expect.stringContaining('names eu-nowhere-1') as string }])
})

test('commands on a directory say it of the regions of its last start, or of its own one', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vaultspan-settings-'))
  const directory = new HostDirectory(folder)
  const check = (regions: string) => () => {
    requireTokensIn(directory, of(regions))
  }
  try {
    expect(check('eu-nowhere-1')).not.toThrow()
    directory.storeFact('regions', `${home},${other}`)
    expect(check('eu-nowhere-1')).toThrow('which is no region here')
    directory.storeFact('apart', '{}')
    directory.storeFact('regions', home)
    expect(check(`${home},eu-nowhere-1`)).not.toThrow()
    expect(check(other)).toThrow(`does not name ${home}`)
  } finally {
    directory.close()
    rmSync(folder, { recursive: true })
  }
})

test.each([
  ['of a directory that is new', [], null, [home, other]],
  ['of PKCS11_REGIONS', [], ['eu-test-1'], ['eu-test-1']],
  ['that served last', ['endpoints.json'], null, ['eu-test-1']],
  ['of PKCS11_REGIONS, some of those that served last', ['endpoints.json'], ['eu-test-1'], ['eu-test-1']],
  ['of PKCS11_REGIONS where only a part is there yet', ['regions/us-ashburn-1.db'], [home, other], [home, other]],
  ['of a region’s own machine', ['regions/us-phoenix-1.db', 'peer/cert.pem', 'endpoints.json'], null, [other]],
  ['of it, which PKCS11_REGIONS names with its peers', ['regions/us-phoenix-1.db', 'peer/a'], [home, other], [other]],
])('hsm init and status take the regions %s', (_which, files, named, regions) => {
  inDirectory(files, (data) => {
    expect(regionsHere(data, named)).toEqual(regions)
  })
})

test.each([
  [
    'endpoints.json',
    'eu-tset-1',
    'names eu-tset-1, which is no region in DATA; there are eu-test-1. One that is to come',
  ],
  [
    'endpoints.json,regions/us-phoenix-1.db',
    'us-pheonix-1',
    'names us-pheonix-1, which is no region in DATA; there are eu-test-1, us-phoenix-1.',
  ],
  ['regions/us-phoenix-1.db,peer/a', home, 'does not name us-phoenix-1, which is the region in DATA'],
])('hsm init and status refuse a slip in PKCS11_REGIONS, with what there is: %s, %s', (files, named, says) => {
  inDirectory(files.split(','), (data) => {
    expect(() => regionsHere(data, [named])).toThrow(`PKCS11_REGIONS ${says.replace('DATA', data)}`)
  })
})

test('hsm init and status say of a region that there is none of yet, and of none that there is, which there are', () => {
  inDirectory([], (data) => {
    expect(regionsToCome(data, [home, other])).toEqual([])
    expect(regionsToCome(data, [home, 'us-pheonix-1'])).toEqual([
      expect.stringContaining(
        'us-pheonix-1 is none of the regions that a first start makes (us-ashburn-1, us-phoenix-1)',
      ),
    ])
  })
  inDirectory(['regions/eu-test-1.db'], (data) => {
    expect(regionsToCome(data, ['eu-test-1', home])).toEqual([])
    expect(regionsToCome(data, ['us-pheonix-1'])).toHaveLength(1)
  })
  inDirectory(['endpoints.json'], (data) => {
    expect(regionsToCome(data, ['eu-test-1'])).toEqual([])
    expect(regionsToCome(data, ['eu-test-1', home])).toEqual([
      expect.stringContaining(`us-ashburn-1 is none of the regions that there are in ${data} (eu-test-1)`),
    ])
  })
})

/** A data directory with these files. */
function inDirectory(files: readonly string[], body: (data: string) => void): void {
  const data = mkdtempSync(join(tmpdir(), 'vaultspan-regions-'))
  try {
    for (const folder of ['regions', 'peer']) if (files.join().includes(folder)) mkdirSync(join(data, folder))
    for (const file of files) writeFileSync(join(data, file), '{ "regions": [{ "region": "eu-test-1" }] }')
    body(data)
  } finally {
    rmSync(data, { recursive: true })
  }
}
