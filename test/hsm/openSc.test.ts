import { spawnSync } from 'node:child_process'
import { describeWithToken, newToken, pins, softHsmPath, tokenHsm } from './tokens/softHsm.ts'
import { tenancyId } from './contract/fixtures.ts'
import { initToken } from '../../lib/hsm/pkcs11/ceremony/initToken.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { softHsm } from './tokens/softHsm.ts'

const hasTool = spawnSync('pkcs11-tool', ['--version']).error === undefined
if (!hasTool && process.env['REQUIRE_OPENSC'] !== undefined) {
  throw new Error('pkcs11-tool (opensc) is not installed, and REQUIRE_OPENSC is set.')
}
if (!hasTool) console.warn('OpenSC is not installed: nobody else looks into our tokens.')

interface Listed {
  readonly kind: string
  readonly label: string
  readonly usage: string
  readonly access: string
}

/** As a program that is none of ours, in a process of its own, sees a token. */
function list(label: string, pin?: string): readonly Listed[] {
  const login = pin === undefined ? [] : ['--login', '--pin', 'env:TOKEN_PIN']
  const { stdout, status } = spawnSync(
    'pkcs11-tool',
    ['--module', softHsmPath ?? '', '--token-label', label, ...login, '--list-objects'],
    { encoding: 'utf8', env: { ...process.env, TOKEN_PIN: pin } },
  )
  expect(status).toBe(0)
  return stdout
    .split(/^(?=\S.* [Oo]bject[;\s])/m)
    .filter((block) => / object/i.test(block))
    .map((block) => {
      const member = (name: string) => new RegExp(`^ +${name}: +'?(.*?)'?$`, 'm').exec(block)?.[1] ?? ''
      const [kind = ''] = block.split(/ object/i)
      return { kind, label: member('label'), usage: member('Usage'), access: member('Access') }
    })
}

const named = (objects: readonly Listed[]) =>
  objects.map(({ kind, label }) => `${kind}: ${label}`).sort((one, other) => (one < other ? -1 : 1))

const roots = ['Secret Key: vaultspan root: MAC', 'Secret Key: vaultspan root: wrapping']

;(hasTool ? describeWithToken : describe.skip)('what OpenSC’s pkcs11-tool sees in a token', () => {
  let label: string
  beforeAll(() => {
    label = newToken()
    const hsm = tokenHsm({}, label)
    hsm.createTenancyRoot(tenancyId)
    hsm.close()
  })

  test('is nothing but public halves without the PIN', () => {
    expect(named(list(label))).toEqual(['Public Key: vaultspan identity', `Public Key: vaultspan tenancy ${tenancyId}`])
  })

  test('is with it every root and signer, each made there, sensitive and never extractable, and for one use', () => {
    const objects = list(label, pins.pin)
    const signers = ['vaultspan identity', `vaultspan tenancy ${tenancyId}`]
    expect(named(objects)).toEqual([
      ...signers.map((each) => `Private Key: ${each}`),
      ...signers.map((each) => `Public Key: ${each}`),
      ...roots,
    ])
    const secret = objects.filter(({ kind }) => kind !== 'Public Key')
    expect(secret).toHaveLength(4)
    for (const { label: name, access, usage } of secret) {
      expect(access).toBe('sensitive, always sensitive, never extractable, local')
      // The tool knows no name for a MAC by an AES key.
      expect(usage).toBe(name.endsWith('wrapping') ? 'wrap, unwrap' : name.endsWith('MAC') ? 'none' : 'sign')
    }
  })

  test('is with custodians the same, sensitive and not extractable, and the copies beside', async () => {
    const own = `${label} c`
    initToken({ module: softHsm(), label: own, recoveryKey: (await knownRsaPair(4096)).publicKey, ...pins })
    const objects = list(own, pins.pin)
    const secret = objects.filter(({ kind }) => kind === 'Secret Key' || kind === 'Private Key')
    expect(named(secret)).toEqual(['Private Key: vaultspan identity', ...roots])
    for (const { access } of secret) expect(access).toBe('sensitive')
    expect(named(objects)).toEqual(
      expect.arrayContaining([
        'Public Key: vaultspan recovery',
        'Data: vaultspan copy: vaultspan root: wrapping',
        'Data: vaultspan copy: vaultspan root: MAC',
        'Data: vaultspan copy: vaultspan identity',
      ]),
    )
  })
})
