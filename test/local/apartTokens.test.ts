import { writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describeWithToken, softHsmPath } from '../hsm/tokens/softHsm.ts'
import { aReplicatedKey, kmsOf, opens } from './apartKms.ts'
import {
  exported,
  home,
  introduce,
  other,
  refused,
  resolveMachines,
  trusts,
  withMachines,
  type Name,
} from './machines.ts'
import { run } from './startedService.ts'
import { encrypt } from './vaultSteps.ts'

/** Every process here is started with these. */
const variables = ['HSM', 'PKCS11_MODULE', 'PKCS11_PIN_FILE', 'SOFTHSM2_CONF'] as const
const before = new Map(variables.map((name) => [name, process.env[name]]))
let forgetNames: () => void

beforeAll(() => {
  forgetNames = resolveMachines()
})
afterEach(() => {
  for (const [name, value] of before) {
    if (value === undefined) Reflect.deleteProperty(process.env, name)
    else process.env[name] = value
  }
})
afterAll(() => {
  forgetNames()
})

/** A token of its own beside each region's data, as docs/hsm.md has it. */
async function withToken(data: string, name: Name): Promise<void> {
  await mkdir(data, { recursive: true })
  const [soPin, pin] = ['so.pin', 'user.pin'].map((each) => {
    const file = join(data, '..', each)
    writeFileSync(file, `${each} 1234\n`, { mode: 0o600 })
    return file
  })
  Object.assign(process.env, { HSM: 'pkcs11', PKCS11_MODULE: softHsmPath, PKCS11_PIN_FILE: pin })
  Reflect.deleteProperty(process.env, 'SOFTHSM2_CONF')
  const made = await run('local/main.ts', [
    'hsm',
    'init',
    '--regions',
    name,
    '--so-pin-file',
    soPin ?? '',
    '--data',
    data,
  ])
  expect(made).toMatchObject({ code: 0, err: '' })
}

describeWithToken('regions on machines of their own whose keys are in tokens', () => {
  test('trust each other, replicate, and are exported and trusted while they run', () =>
    withMachines(async (machines) => {
      await introduce(machines)
      await machines.start(home, '--workers', '2')
      await machines.start(other, '--workers', '2')
      const kms = kmsOf(machines)
      const { vault, keyId, replica } = await aReplicatedKey(kms)
      await opens(kms, replica, keyId, await encrypt(kms.call, vault.endpoint, keyId))
      await exported(machines, other)
      await trusts(machines, home, other)
      await opens(kms, replica, keyId, await encrypt(kms.call, vault.endpoint, keyId))
      process.env['HSM'] = 'simulated'
      expect(
        await refused('init', '--region', home, '--address', '127.0.0.4:1', '--data', machines.data(home)),
      ).toContain('in use by another Vaultspan process')
    }, withToken))

  test('a region that was made in a token is not opened without it', () =>
    withMachines(async (machines) => {
      await introduce(machines)
      // The other machine's region is asked for by nobody.
      const status = await run('local/main.ts', ['hsm', 'status', '--data', machines.data(other)])
      expect({ code: status.code, others: status.out.includes(home) }).toEqual({ code: 0, others: false })
      process.env['HSM'] = 'simulated'
      expect(await refused('start', '--data', machines.data(other))).toContain('set HSM=pkcs11')
    }, withToken))
})
