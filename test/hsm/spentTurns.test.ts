import { publicEncrypt } from 'node:crypto'
import { openPkcs11Hsm, type Pkcs11Hsm } from '../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import { CKR } from '../../lib/hsm/pkcs11/library/constants.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { aMaterial, aTransfer, aVault, ecdsaShapes, realm } from './contract/fixtures.ts'
import { troubled, type Trouble } from './tokens/slowToken.ts'
import { describeWithToken, newToken, pins, softHsm } from './tokens/softHsm.ts'

describeWithToken('a turn of the event loop that calls into a token have spent', () => {
  const trouble: { -readonly [name in keyof Trouble]: Trouble[name] } = {}
  const refused = expect.objectContaining({ code: 'unavailable', retryAfter: 1 }) as Error
  let at = 1_000_000
  let hsm: Pkcs11Hsm
  let asked: Record<string, () => unknown>

  const turns: (() => void)[] = []
  const turned = () => {
    for (const over of turns.splice(0)) over()
  }
  /** Each call, or each of that name, takes so long. */
  const each = (ms: number, only?: string) => {
    trouble.code = (name) => {
      if (only === undefined || only === name) trouble.now = at += ms
      return undefined
    }
  }
  const ask = async (name: string) => asked[name]?.()
  /** By calls that are not so long that the token is suspect. */
  const spend = async () => {
    each(20)
    for (let count = 0; count < 8; count++) await ask('encrypt').catch(() => undefined)
    delete trouble.code
  }

  beforeEach(async () => {
    delete trouble.code
    delete trouble.delay
    turns.length = 0
    trouble.now = at += 100_000
    trouble.whenTurned = (over) => turns.push(over)
    const token = { module: troubled(softHsm(), trouble), label: newToken(), pin: () => pins.pin, now: () => 0 }
    hsm = openPkcs11Hsm({ realm, region: 'eu-test-1', token, generateRsa: knownRsaPair })
    const [vault, second] = [aVault(), aVault({ vaultId: 'ocid1.vault.oc1.eu-test-1.v.two' })]
    const [wrapped, ofSecond] = [await hsm.createVaultKeys(vault), await hsm.createVaultKeys(second)]
    const open = hsm.openVault(vault, wrapped)
    const [aes, other] = [aMaterial(), aMaterial({ materialId: 'ab'.repeat(16) })]
    const [key, unused] = [await open.generate(aes), await open.generate(other)]
    const backup = aVault({ vaultId: 'backup.t' })
    const keys = { context: backup, wrapped: await hsm.createVaultKeys(backup) }
    const saved = hsm.backUpVaultKeys(keys, { context: vault, wrapped })
    const transfer = aTransfer({ destination: 'eu-test-1' })
    hsm.createTenancyRoot(transfer.tenancyId)
    const transport = await hsm.createTransportKey(transfer)
    const bundle = await hsm.exportVaultKeys(transfer, wrapped, transport.offer)
    const wrapping = { keyId: aes.keyId, materialId: 'cd'.repeat(16) }
    const wrappingKey = { context: wrapping, wrapped: await open.generateWrappingKey(wrapping) }
    const brought = publicEncrypt({ key: wrappingKey.wrapped.publicKey ?? '', oaepHash: 'sha256' }, Buffer.alloc(32, 7))
    const text = Buffer.from('slowly')
    asked = {
      encrypt: () => open.use(aes, key, (held) => held.encrypt('AES_256_GCM', text, {})),
      'encrypt by a key that is not open': () =>
        open.use(other, unused, (held) => held.encrypt('AES_256_GCM', text, {})),
      'open a vault': () => hsm.openVault(second, ofSecond),
      'make an AES key': () => open.generate(aes),
      'import a key': () => open.importWrapped(aes, wrappingKey, 'RSA_OAEP_SHA256', brought),
      'make a vault’s keys': () => hsm.createVaultKeys(second),
      'back them up': () => hsm.backUpVaultKeys(keys, { context: vault, wrapped }),
      'restore them': () => hsm.restoreVaultKeys(keys, vault, saved, vault),
      'send them': () => hsm.exportVaultKeys(transfer, wrapped, transport.offer),
      'take them': () => hsm.importVaultKeys(transfer, bundle, transport),
      // What comes in the loop after calls on a thread.
      'make a key on a curve': () => open.generate(aMaterial({ shape: ecdsaShapes.NIST_P256 })),
      'let go of a key': () => {
        open.dropHandle(other, unused)
      },
      'ask whether it answers': () => hsm.isAnswering(),
    }
    await ask('encrypt')
    turned()
  })

  afterEach(() => {
    hsm.close()
  })

  test('whatever begins in it is refused without a call, and served in the next', async () => {
    const later = ['make a key on a curve', 'let go of a key', 'ask whether it answers']
    const names = Object.keys(asked).filter((name) => !later.includes(name))
    await spend()
    let calls = 0
    trouble.code = () => void (calls += 1)
    for (const name of names) expect([name, await ask(name).catch((cause: unknown) => cause)]).toEqual([name, refused])
    expect([calls, hsm.isAnswering()]).toEqual([0, false])
    turned()
    for (const name of names) await ask(name)
    expect(hsm.isAnswering()).toBe(true)
  })

  test.each([
    ['encrypt', 'C_Sign'],
    ['encrypt by a key that is not open', 'C_UnwrapKey'],
    ['open a vault', 'C_Sign'],
    ['make an AES key', 'C_GenerateKey'],
    ['import a key', 'C_CreateObject'],
    ['make a vault’s keys', 'C_GenerateKey'],
    ['back them up', 'C_WrapKey'],
    ['restore them', 'C_UnwrapKey'],
    ['send them', 'C_WrapKey'],
    ['take them', 'C_UnwrapKey'],
    ['make a key on a curve', 'C_WrapKey'],
    ['make a key on a curve', 'C_UnwrapKey'],
    ['let go of a key', 'C_DestroyObject'],
    ['ask whether it answers', 'C_Sign'],
  ])('to %s counts into it: %s', async (name, call) => {
    // A turn was slow a short while ago: one long call spends the next.
    each(300, 'C_Sign')
    await ask('encrypt')
    turned()
    delete trouble.code
    if (name === 'let go of a key') await ask('encrypt by a key that is not open')
    // Whatever has spent it waits for the next before it answers.
    const isWaiting = Promise.withResolvers<undefined>()
    trouble.whenTurned = (over) => {
      if (turns.push(over) > 1) isWaiting.resolve(undefined)
    }
    each(1_000, call)
    // An encryption is given up.
    const asking = ask(name).catch((cause: unknown) => cause)
    await Promise.race([asking, isWaiting.promise])
    delete trouble.code
    await expect(ask('encrypt')).rejects.toEqual(refused)
    turned()
    await asking
  })

  test('to connect anew does not count into it', async () => {
    trouble.code = (name) => (name === 'C_SignInit' ? CKR.SESSION_HANDLE_INVALID : undefined)
    await expect(ask('encrypt')).rejects.toEqual(refused)
    let calls = 0
    trouble.code = (name) => {
      if (name !== 'C_OpenSession' && name !== 'C_FindObjects') return undefined
      calls += 1
      trouble.now = at += 2_000
      return undefined
    }
    await ask('encrypt')
    expect(calls).toBeGreaterThan(2)
  })

  test('each call counts: a token whose calls take 24 ms is none that is to rest', async () => {
    for (let turn = 0; turn < 3; turn++) {
      each(24)
      for (;;) {
        const made = await ask('make an AES key').catch((cause: unknown) => cause)
        if (made instanceof Error) break
      }
      turned()
    }
    expect(hsm.awayTokens()).toEqual([])
  })

  test('what a caller has brought is not put into the token in a turn that was spent since it was asked for', async () => {
    trouble.delay = async (name) => {
      if (name === 'C_Decrypt') await spend()
    }
    await expect(ask('import a key')).rejects.toEqual(refused)
  })
})
