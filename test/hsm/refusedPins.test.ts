import { mkdirSync, mkdtempSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UserPinTried } from '../../lib/hsm/pkcs11/ceremony/requirePins.ts'
import type { Pkcs11Module } from '../../lib/hsm/pkcs11/library/pkcs11Module.ts'
import { refusedPins, tryingOnce } from '../../local/hsm/refusedPins.ts'

const region = 'eu-test-1'
const [own, pool] = [`vaultspan ${region}`, `vaultspan ${region} #1`]
let data: string
let pinFile: string
let file: string

beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'vaultspan-refused-'))
  mkdirSync(join(data, 'hsm'))
  file = join(data, 'hsm', `${region}.pin-refused`)
  pinFile = join(data, 'user.pin')
  writeFileSync(pinFile, 'the PIN')
  utimesSync(pinFile, 1_000, 1_000)
})

afterEach(() => {
  rmSync(data, { recursive: true })
})

const refusals = () => refusedPins(pinFile, file)

test('each token that refused a PIN is known, by a file for its owner only', () => {
  for (const label of [own, pool]) refusals().note(label)
  expect([own, pool, 'another'].map((label) => refusals().isKnown(label))).toEqual([true, true, false])
  expect(statSync(file).mode & 0o777).toBe(0o600)
})

test.each<[string, () => void]>([
  [
    'is written anew',
    () => {
      utimesSync(pinFile, 2_000, 2_000)
    },
  ],
  [
    'has another length',
    () => {
      writeFileSync(pinFile, 'the longer PIN')
    },
  ],
  [
    'is another one',
    () => {
      writeFileSync(`${pinFile}.new`, 'the pin')
      renameSync(`${pinFile}.new`, pinFile)
    },
  ],
])('of a PIN file that %s nothing is known, whatever time it has', (how, change) => {
  refusals().note(own)
  change()
  if (how !== 'is written anew') utimesSync(pinFile, 1_000, 1_000)
  expect(refusals().isKnown(own)).toBe(false)
})

test('what cannot be read says nothing', () => {
  for (const text of ['{', '{}']) {
    writeFileSync(file, text)
    expect(refusals().isKnown(own)).toBe(false)
  }
})

describe('of a command', () => {
  const there = [own, pool]
  let halfMade: readonly string[]
  const library = {
    labels: () => there,
    slotOf: (label: string) => (there.includes(label) ? there.indexOf(label) : undefined),
    tokenInfo: (slot: number) => ({ hasUserPin: !halfMade.includes(there[slot] ?? '') }),
  } as unknown as Pkcs11Module
  let tries: number
  const trying = (work: () => void, from: string | null = pinFile) => {
    tryingOnce(
      { data, regions: ['us-test-1', region], label: 'vaultspan', library: () => library, pinFile: from ?? undefined },
      () => {
        tries += 1
        work()
      },
    )
  }

  beforeEach(() => {
    tries = 0
    halfMade = []
  })

  test.each([own, pool])('a PIN that the token %s refused is tried once', (label) => {
    rmSync(join(data, 'hsm'), { recursive: true })
    const refused = new UserPinTried(label, new Error('C_Login answered CKR_PIN_INCORRECT.'))
    const again = () => {
      trying(() => {
        throw refused
      })
    }
    expect(again).toThrow(refused)
    expect(again).toThrow(`The token ${label} refuses the PIN. It is not tried again`)
    expect(tries).toBe(1)
    // Typed at the terminal it may be another one.
    trying(() => undefined, null)
  })

  test('a token that is half made, or gone, is made with that PIN', () => {
    for (const label of [pool, `vaultspan ${region} #2`]) refusals().note(label)
    halfMade = [pool]
    trying(() => undefined)
    expect(tries).toBe(1)
  })
})
