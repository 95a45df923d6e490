import { execFileSync } from 'node:child_process'
import {
  existsSync,
  fchmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  linkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inTime } from '../harness/processGroup.ts'
import { writeFileDurably } from '../../lib/durableFile.ts'
import { KmsError } from '../../lib/errors.ts'
import { Pkcs11Error } from '../../lib/hsm/pkcs11/library/pkcs11Error.ts'
import { UserError } from '../../lib/userError.ts'
import { personsLine } from '../../local/personsLine.ts'

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vaultspan-durable-'))
})
afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

/** A process that writes `file` and prints what it asks of the file system, in order: a core module cannot be replaced here. */
function callsOf(file: string, options: object): string {
  const program = `
    import fs from 'node:fs'
    import { syncBuiltinESMExports } from 'node:module'
    const pathOf = new Map()
    const say = (text) => process.stdout.write(text + '\\n')
    const { openSync, fsyncSync, renameSync, linkSync } = fs
    fs.openSync = (path, ...rest) => { const fd = openSync(path, ...rest); pathOf.set(fd, path); return fd }
    fs.fsyncSync = (fd) => { say('sync ' + (pathOf.get(fd) === ${JSON.stringify(directory)} ? 'directory' : 'draft')); fsyncSync(fd) }
    fs.renameSync = (...paths) => { say('rename'); renameSync(...paths) }
    fs.linkSync = (...paths) => { say('link'); linkSync(...paths) }
    syncBuiltinESMExports()
    const { writeFileDurably } = await import(${JSON.stringify(join(process.cwd(), 'lib/durableFile.ts'))})
    say(String(writeFileDurably(${JSON.stringify(file)}, 'text', ${JSON.stringify(options)})))`
  return execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8', ...inTime })
}

test('the draft is on the medium before it takes its name, and the name before the answer', () => {
  expect(callsOf(join(directory, 'a'), { mode: 0o600 })).toBe('sync draft\nrename\nsync directory\ntrue\n')
  expect(callsOf(join(directory, 'b'), { mode: 0o600, isNew: true })).toBe('sync draft\nlink\nsync directory\ntrue\n')
})

test('a file has the mode that was asked for, whatever the umask says, and no draft is left', () => {
  const umask = process.umask(0o077)
  try {
    expect(writeFileDurably(join(directory, 'open'), 'text', { mode: 0o644 })).toBe(true)
  } finally {
    process.umask(umask)
  }
  expect(statSync(join(directory, 'open')).mode & 0o777).toBe(0o644)
  expect(readdirSync(directory)).toEqual(['open'])
})

test('a file that was to be new and is there stays as it is', () => {
  const file = join(directory, 'file')
  expect(writeFileDurably(file, 'first', { mode: 0o600, isNew: true })).toBe(true)
  expect(writeFileDurably(file, 'second', { mode: 0o600, isNew: true })).toBe(false)
  expect(readFileSync(file, 'utf8')).toBe('first')
  expect(writeFileDurably(file, 'third', { mode: 0o600 })).toBe(true)
  expect(readFileSync(file, 'utf8')).toBe('third')
  expect(readdirSync(directory)).toEqual(['file'])
})

test.each(['EPERM', 'ENOTSUP', 'ENOSYS'])(
  'a disk without links or modes (%s) gets a new file, and none over another',
  (code) => {
    const refuse = () => {
      throw Object.assign(new Error(code), { code })
    }
    const fat = { link: refuse, chmod: refuse }
    const file = join(directory, 'file')
    expect(writeFileDurably(file, 'first', { mode: 0o600, isNew: true }, fat)).toBe(true)
    expect(writeFileDurably(file, 'second', { mode: 0o600, isNew: true }, fat)).toBe(false)
    expect(readFileSync(file, 'utf8')).toBe('first')
    expect(readdirSync(directory)).toEqual(['file'])
  },
)

test('another refusal of links or modes is no such disk', () => {
  const refuse = () => {
    throw Object.assign(new Error('EIO'), { code: 'EIO' })
  }
  const file = join(directory, 'file')
  const write = (system: object) => () =>
    writeFileDurably(file, 'text', { mode: 0o600, isNew: true }, { link: linkSync, chmod: fchmodSync, ...system })
  expect(write({ link: refuse })).toThrow('takes no writes')
  expect(write({ chmod: refuse })).toThrow('takes no writes')
  expect(readdirSync(directory)).toEqual([])
})

test('a link that leads nowhere is there already; a directory is an error', () => {
  const file = join(directory, 'link')
  symlinkSync(join(directory, 'nowhere'), file)
  expect(writeFileDurably(file, 'text', { mode: 0o600, isNew: true })).toBe(false)
  expect(lstatSync(file).isSymbolicLink()).toBe(true)
  expect(existsSync(join(directory, 'nowhere'))).toBe(false)
  mkdirSync(join(directory, 'folder'))
  expect(() => writeFileDurably(join(directory, 'folder'), 'text', { mode: 0o600, isNew: true })).toThrow('EEXIST')
})

test.each([
  ['ENOSPC', 'its disk is full; make room on it, then try again.'],
  ['EDQUOT', 'its disk is full; make room on it, then try again.'],
  ['EROFS', 'its disk takes no writes; mend it, or take another, then try again.'],
  ['EIO', 'its disk takes no writes; mend it, or take another, then try again.'],
])('a disk that answers %s is told of by the name of the file, which the API is not told', (code, says) => {
  const file = join(directory, 'file')
  const chmod = () => {
    throw Object.assign(new Error(code), { code })
  }
  let thrown: unknown
  try {
    writeFileDurably(file, 'text', { mode: 0o600, isNew: true }, { link: linkSync, chmod })
  } catch (cause) {
    thrown = cause
  }
  expect(thrown).toMatchObject({ code: 'cannotStore', message: expect.not.stringContaining(directory) as string })
  expect(personsLine(thrown)).toBe(`${file}: ${says}`)
  expect(readdirSync(directory)).toEqual([])
})

test('what a person can put right is one line, and a bug is none', () => {
  const system = (code: string, path?: string) => personsLine(Object.assign(new Error(code), { code, path }))
  expect(system('EACCES', '/etc/x')).toBe('/etc/x: this user may not do that there.')
  expect([system('EACCES'), system('ENOENT', '/x'), personsLine(new TypeError('x'))]).toEqual([
    undefined,
    undefined,
    undefined,
  ])
  const lost = new KmsError('unavailable', 'The HSM does not answer.', { cause: new UserError('No token is there.') })
  expect(personsLine(lost)).toBe('The HSM does not answer. No token is there.')
  const full = new KmsError('unavailable', 'The HSM does not answer.', {
    cause: new Pkcs11Error('C_GenerateKey', 0x05),
  })
  expect(personsLine(full)).toMatch(
    /^The HSM does not answer\. .*C_GenerateKey answered .* see that their disk has room/,
  )
  expect(personsLine(new Pkcs11Error('C_InitToken', 0x30))).toMatch(
    /^The HSM’s library failed: C_InitToken answered CKR_/,
  )
  expect(personsLine(new KmsError('integrityFailure', 'x'))).toBeUndefined()
})
