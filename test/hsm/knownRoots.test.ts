import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Pkcs11Module } from '../../lib/hsm/pkcs11/library/pkcs11Module.ts'
import { KnownRoots } from '../../lib/hsm/pkcs11/roots/knownRoots.ts'
import { strangersIn } from '../../lib/hsm/pkcs11/roots/strangers.ts'

const label = 'vaultspan eu-test-1'
let file: string

beforeEach(() => {
  file = join(mkdtempSync(join(tmpdir(), 'vaultspan-known-')), 'eu-test-1.json')
})

afterEach(() => {
  rmSync(join(file, '..'), { recursive: true })
})

function knownIn(content: string | object) {
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content))
  return KnownRoots.in(file).all()
}

test('of a state that is not there, or cannot be read, nothing is known: whoever opens it says what is wrong', () => {
  expect(KnownRoots.in(undefined).all()).toEqual({})
  expect(KnownRoots.in(file).all()).toEqual({})
  expect(knownIn('{')).toEqual({})
  expect(knownIn({ token: label, rootChecks: 'other' })).toEqual({})
})

test('a rotation by an older version, which knows nothing of them, makes what stands there worthless', () => {
  const both = { token: label, rootChecks: { [label]: { 1: 'a', 2: 'b' }, [`${label} #1`]: { 1: 'c' } } }
  expect(knownIn(both)).toEqual(both.rootChecks)
  expect(knownIn({ ...both, roots: [2, 1] })).toEqual(both.rootChecks)
  expect(knownIn({ ...both, roots: [3, 2] })).toEqual({})
  const others = { token: label, roots: [1], rootChecks: { [`${label} #1`]: { 1: 'c' } } }
  expect(knownIn(others)).toEqual(others.rootChecks)
})

test('while roots are made nothing is called a stranger, nor is the token asked; after that it is, also where none were made', async () => {
  const known = new KnownRoots()
  const asked = new Error('It is asked.')
  const module = new Proxy(Object.create(Pkcs11Module.prototype) as Pkcs11Module, {
    get: () => {
      throw asked
    },
  })
  const strangers = () => strangersIn({ module, label, pin: () => '', known })
  const made = known.whileMakingIn(label, async () => {
    expect(strangers()).toEqual([])
    throw new Error('none was made')
  })
  await expect(made).rejects.toThrow('none was made')
  expect(strangers).toThrow(asked)
})
