import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSoftwareHsm, type SoftwareHsm } from '../../lib/hsm/software/softwareHsm.ts'
import { aMaterial, aVault, realm, tenancyId } from './contract/fixtures.ts'

let directory: string
let file: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vaultspan-hsm-'))
  file = join(directory, 'hsm', 'eu-test-1.json')
})

afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

function open(region = 'eu-test-1'): SoftwareHsm {
  return openSoftwareHsm({ realm, region, file })
}

function rewrite(change: (state: Record<string, unknown>) => Record<string, unknown>): void {
  writeFileSync(file, JSON.stringify(change(JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>)))
}

test('an HSM opened again from its file opens what it wrapped and keeps its identity and tenancies', async () => {
  const first = open()
  const trustRoot = first.createTenancyRoot(tenancyId)
  const keys = await first.createVaultKeys(aVault())
  const wrapped = await first.openVault(aVault(), keys).generate(aMaterial())
  const second = open()
  const opened = second
    .openVault(aVault(), keys)
    .use(aMaterial(), wrapped, (key) => key.encrypt('AES_256_GCM', Buffer.alloc(1), {}))
  expect(await opened).toHaveLength(91)
  expect(second.identityPublicKey).toBe(first.identityPublicKey)
  expect(second.statement(tenancyId)).toEqual(first.statement(tenancyId))
  expect(second.createTenancyRoot(tenancyId)).toBe(trustRoot)
})

test('the file is for its owner only, alone in a directory for its owner only', () => {
  open().createTenancyRoot(tenancyId)
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(statSync(join(directory, 'hsm')).mode & 0o777).toBe(0o700)
  expect(readdirSync(join(directory, 'hsm'))).toEqual(['eu-test-1.json'])
})

test.each([0o640, 0o620, 0o610, 0o604, 0o602, 0o601])('a file that others may use is refused: %i', (mode) => {
  open()
  chmodSync(file, mode)
  expect(() => open()).toThrow('open to other users')
})

test('what could not be written is not taken for begun', async () => {
  const hsm = open()
  const keys = await hsm.createVaultKeys(aVault())
  rmSync(join(directory, 'hsm'), { recursive: true })
  await expect(hsm.rotation.begin()).rejects.toThrow('ENOENT')
  expect(hsm.rotation.isRotating()).toBe(false)
  hsm.openVault(aVault(), keys)
})

test('whatever has its name meanwhile is not written over', () => {
  mkdirSync(join(directory, 'hsm'))
  // What is there is not seen before.
  symlinkSync(join(directory, 'nowhere'), file)
  expect(() => open()).toThrow('ENOENT')
  expect(lstatSync(file).isSymbolicLink()).toBe(true)
})

test('a file of a newer format is refused by name', () => {
  open()
  rewrite((state) => ({ ...state, format: 'vaultspan/simulated-hsm/2' }))
  expect(() => open()).toThrow('has format vaultspan/simulated-hsm/2')
})

test('a file of another region is refused', () => {
  open()
  expect(() => open('us-test-1')).toThrow('belongs to region eu-test-1')
})

test.each([
  ['no root', { root: undefined }],
  ['a short root', { root: Buffer.alloc(31).toString('base64') }],
  ['an identity that is no key', { identity: 'no key' }],
])('a file with %s is refused without a word of its content', (_what, change) => {
  open()
  rewrite((state) => ({ ...state, ...change }))
  expect(() => open()).toThrow(/^The HSM state file \S+ is damaged; restore it from a backup\.$/)
})

test('what a newer version keeps beside is passed on when this one writes the file', () => {
  open().createTenancyRoot(tenancyId)
  rewrite((state) => {
    const tenancies = state['tenancies'] as Record<string, object>
    return { ...state, more: true, tenancies: { [tenancyId]: { ...tenancies[tenancyId], more: { of: 'it' } } } }
  })
  open().createTenancyRoot('ocid1.tenancy.oc1..another')
  const written = JSON.parse(readFileSync(file, 'utf8')) as { tenancies: Record<string, object> }
  expect(written).toMatchObject({ more: true, tenancies: { [tenancyId]: { more: { of: 'it' } } } })
  expect(Object.keys(written.tenancies)).toHaveLength(2)
})

test('a file that is not JSON is refused and left as it is', () => {
  open()
  writeFileSync(file, '{"format":')
  expect(() => open()).toThrow('is not JSON')
  expect(readFileSync(file, 'utf8')).toBe('{"format":')
})
