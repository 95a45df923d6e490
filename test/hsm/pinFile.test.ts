import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pinFrom } from '../../local/hsm/pin.ts'

let folder: string
let file: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vaultspan-pin-'))
  file = join(folder, 'user.pin')
  writeFileSync(file, 'the PIN', { mode: 0o600 })
})

afterEach(() => {
  rmSync(folder, { recursive: true })
})

test.each([
  ['bytes that are no text', Buffer.from([0x61, 0xff, 0xfe, 0x62]), 'no text in UTF-8.*openssl rand -hex 16'],
  ['a byte order mark', '\uFEFFthe PIN\n', 'begins or ends with a byte order mark'],
  ['a blank before it', ' the PIN\n', 'begins or ends with a blank'],
  ['a blank after it', 'the PIN \n', 'begins or ends with a blank'],
  ['nothing', '\n', 'is empty'],
])('of a PIN file with %s nothing is tried', (_what, content, says) => {
  writeFileSync(file, content)
  expect(() => pinFrom(file)).toThrow(new RegExp(says))
  writeFileSync(file, 'the PIN\r\nmore')
  expect(pinFrom(file)).toBe('the PIN')
})

test('of a PIN file that others than its owner may use in any way nothing is read', () => {
  for (const mode of [0o640, 0o620, 0o610, 0o604, 0o602, 0o601]) {
    chmodSync(file, mode)
    expect(() => pinFrom(file)).toThrow('is open to other users; set its mode to 0600')
  }
  chmodSync(file, 0o400)
  expect(pinFrom(file)).toBe('the PIN')
})

test('a PIN file that is a pipe or a directory is told, and not waited for', () => {
  const pipe = join(folder, 'pipe')
  execFileSync('mkfifo', [pipe])
  chmodSync(pipe, 0o600)
  for (const each of [pipe, folder]) expect(() => pinFrom(each)).toThrow('is no file')
})
