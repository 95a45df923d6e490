import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inTime } from '../harness/processGroup.ts'
import { initialize } from '../../lib/hsm/pkcs11/ceremony/initialize.ts'
import { initPartition, initToken } from '../../lib/hsm/pkcs11/ceremony/initToken.ts'
import { initTokensWithCustodians } from '../../local/hsm/initCustodians.ts'
import { initTokens } from '../../local/hsm/initTokens.ts'
import { tokenStatus } from '../../local/hsm/tokenStatus.ts'
import { refusedPins } from '../../local/hsm/refusedPins.ts'
import { holdCeremony } from '../../local/hsm/ceremony.ts'
import { recoveryOf } from '../../local/hsm/recoveryFile.ts'
import { noteCeremony } from '../../local/hsm/unfinishedCeremonies.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { eu, labelsOf, Place, us } from './tokens/custodiansPlace.ts'
import { describeWithToken, pins, softHsm } from './tokens/softHsm.ts'

describeWithToken('a ceremony that does not end', () => {
  let place: Place
  const shares = () => [1, 2, 3].map((number) => place.share(number))
  const label = (rest: string) => `${place.label} ${rest}`
  /** As far as the tokens: what writes the transcript fails. */
  const breaksOff = async (privateVaults = 1) => {
    const tokens = place.tokens(privateVaults)
    const make = (key: string) => {
      initTokens(tokens, key)
      throw new Error('broken off')
    }
    await expect(holdCeremony(place.ceremony(), { check: () => undefined, make })).rejects.toThrow('broken off')
  }

  const noted = () =>
    JSON.parse(readFileSync(join(place.data, 'hsm', 'unfinished-ceremonies.json'), 'utf8')) as {
      readonly ceremonies: readonly { readonly ceremony: string }[]
    }

  beforeEach(() => {
    place = new Place()
  })

  afterEach(() => place.gone())

  test('leaves no share, no start, and is held again over its tokens, which are made anew', async () => {
    await breaksOff(2)
    expect(shares().filter((file) => existsSync(file))).toEqual([])
    await expect(place.start()).rejects.toThrow('did not end, and nobody has its shares')
    // Fewer than before: the others are of it, too.
    const lines = await initTokensWithCustodians(place.tokens(1), place.ceremony())
    expect(lines.filter((line) => line.includes('left by a ceremony that did not end'))).toHaveLength(6)
    expect(initTokens(place.tokens(2)).filter((line) => line.includes('nothing is changed'))).toHaveLength(6)
    await place.start()
    const made = await place.makes('VIRTUAL_PRIVATE')
    const file = await place.backUp('eu.backup')
    await place.stop()
    place.losesTokens(eu)
    await place.restore(file)
    await place.start()
    await place.opens(made)
  })

  test('is followed by tokens without custodians where that is meant alone, and names the shares that are worthless', async () => {
    await breaksOff(2)
    // As a kill leaves them; of the third its medium is away.
    const { ceremonies } = noted()
    const noToken = { ...place.settings(), label: 'none' }
    expect((await tokenStatus(noToken, [eu], place.data)).unfit.join()).toContain(
      'A ceremony of custodians did not end here: hold it again',
    )
    writeFileSync(place.share(1), JSON.stringify({ ceremony: ceremonies[0]?.ceremony }))
    expect(() => initTokens(place.tokens(1))).toThrow(/did not end in .*: hold it again .*--no-custodians.*Nothing was/)
    expect(await place.status()).toMatchObject({
      isFit: false,
      lines: expect.arrayContaining([expect.stringContaining('nobody has its shares: hold it again')]) as unknown,
    })
    const lines = initTokens({ ...place.tokens(1), isWithoutCustodians: true })
    expect(lines.filter((line) => line.includes('left by a ceremony'))).toHaveLength(6)
    expect(lines.filter((line) => line.includes('worthless'))).toEqual([
      `  ${place.share(1)}  is a share of it, and worthless: destroy it`,
    ])
    expect((await place.status()).isFit).toBe(true)
    expect(initTokens(place.tokens(2)).filter((line) => line.includes('nothing is changed'))).toHaveLength(6)
    await place.start()
    await place.opens(await place.makes('VIRTUAL_PRIVATE'))
  })

  test('a token that was cut off between its steps is made anew', async () => {
    const module = softHsm()
    initialize({ module, label: label(eu), ...pins })
    await initTokensWithCustodians(place.tokens(0), place.ceremony())
    expect(existsSync(join(place.data, 'hsm', 'unfinished-ceremonies.json'))).toBe(false)
  })

  test('a token that was cut off before its PIN is said to be half made, and is made by init or restore', async () => {
    await initTokensWithCustodians(place.tokens(1), place.ceremony())
    place.wasStarted()
    const file = await place.backUp('eu.backup')
    place.losesTokens(eu)
    const module = softHsm()
    const officer = Buffer.from(pins.soPin)
    for (const each of [eu, `${eu} #1`, `${eu} #2`])
      module.call(
        'C_InitToken',
        module.emptySlot(label(each)) ?? -1,
        officer,
        officer.length,
        Buffer.from(label(each).padEnd(32)),
      )
    const refusals = join(place.data, 'hsm', `${eu}.pin-refused`)
    expect((await place.status()).lines.join('\n')).toContain(`The token ${label(eu)} is half made`)
    expect(existsSync(refusals)).toBe(false)
    expect(() => initTokens(place.tokens(1))).toThrow(/ is half made\. It was there once .*hsm restore brings it back/)
    // Of an earlier PIN that was wrong, in the same file.
    for (const again of [() => place.restore(file), async () => initTokens(place.tokens(2))]) {
      refusedPins(place.pinFile, refusals).note(label(eu))
      expect((await again()).join('\n')).toMatch(/made, with its keys|#2 {2}was left by a ceremony/)
      expect(existsSync(refusals)).toBe(false)
    }
    expect((await place.status()).isFit).toBe(true)
  })

  test('PINs that the token would refuse are told before it is made, and another officer’s before others are made beside it', () => {
    for (const wrong of [{ pin: 'ab' }, { soPin: 'ab' }, { pin: 'x'.repeat(300) }])
      expect(() => initTokens({ ...place.tokens(1), ...wrong })).toThrow(
        /PIN has \d+ bytes, and the token .* takes \d+ to \d+/,
      )
    expect(labelsOf(place)).toEqual([])
    initTokens(place.tokens(1))
    const before = labelsOf(place)
    expect(() => initTokens({ ...place.tokens(2), soPin: 'another officer’s' })).toThrow(
      `The token ${label(eu)} refuses the security officer’s PIN (C_Login answered CKR_PIN_INCORRECT)`,
    )
    expect(() => initTokens({ ...place.tokens(2), pin: 'another service’s' })).toThrow(
      `The token ${label(eu)} refuses the PIN (C_Login answered CKR_PIN_INCORRECT)`,
    )
    expect(labelsOf(place)).toEqual(before)
    initTokens({ ...place.tokens(1), soPin: 'another officer’s' })
    initTokens(place.tokens(2))
    expect(labelsOf(place)).toHaveLength(6)
  })

  test('a private vault’s token that is lost is not made anew beside what was in it', async () => {
    initTokens({ ...place.tokens(1), regions: [eu] })
    place.regionsInTokens = [eu]
    await place.start()
    await place.makes('VIRTUAL_PRIVATE')
    await place.stop()
    initialize({ module: softHsm(), label: label('lost'), ...pins }, softHsm().slotOf(label(`${eu} #1`)))
    const lost: string[] = []
    const onLost = (each: string) => lost.push(each)
    const lines = initTokens({ ...place.tokens(2), regions: [eu], onLost })
    expect(lost).toEqual([label(`${eu} #1`)])
    expect(lines[1]).toContain('#1  IS NOT MADE: a private vault has it')
    expect(lines[2]).toContain('#2  made')
  })

  test('killed, it leaves shares that the next one replaces, and no file of anybody else', async () => {
    await breaksOff()
    const { ceremonies } = noted()
    writeFileSync(place.share(1), JSON.stringify(ceremonies[0]))
    writeFileSync(place.share(2), JSON.stringify({ ceremony: 'of others' }))
    const again = () => initTokensWithCustodians(place.tokens(1), place.ceremony())
    await expect(again()).rejects.toThrow(`${place.share(2)} is there already`)
    execFileSync('rm', [place.share(2)])
    symlinkSync(join(place.folder, 'nowhere'), place.share(2))
    await expect(again()).rejects.toThrow(`${place.share(2)} is there already`)
    expect(lstatSync(place.share(2)).isSymbolicLink()).toBe(true)
    execFileSync('rm', [place.share(2)])
    await again()
    expect(shares().filter((file) => existsSync(file))).toHaveLength(3)
  })

  test.each([
    ['the last region', us],
    ['its pool', `${us} #1`],
    ['a pool beyond what is asked for', `${us} #7`],
  ])('a foreign token of %s is found before anything is made or written', async (_which, rest) => {
    const make = rest.includes('#') ? initPartition : initToken
    make({ module: softHsm(), label: label(rest), ...pins })
    await expect(initTokensWithCustodians(place.tokens(1), place.ceremony())).rejects.toThrow(
      `The token ${label(rest)} is there already, and was made without these custodians`,
    )
    expect(labelsOf(place)).toEqual([label(rest)])
    expect(shares().filter((file) => existsSync(file))).toEqual([])
    expect(existsSync(join(place.data, 'hsm', 'unfinished-ceremonies.json'))).toBe(false)
  })

  test('of one that was killed after its last file nothing stays noted', async () => {
    await initTokensWithCustodians(place.tokens(0), place.ceremony())
    const file = join(place.data, 'hsm', 'unfinished-ceremonies.json')
    const { ceremony, publicKey } = recoveryOf(place.data) ?? { ceremony: '', publicKey: '' }
    noteCeremony(place.data, { ceremony: 'other', publicKey: 'other' })
    const text = readFileSync(file, 'utf8')
    const kept = JSON.stringify({ ceremony, publicKey })
    writeFileSync(file, text.replace('"ceremonies":[', `"ceremonies":[${kept},`))
    initTokens(place.tokens(0))
    expect(readFileSync(file, 'utf8')).toBe(text)
    expect(() => initTokens({ ...place.tokens(0), isWithoutCustodians: true })).toThrow('has its custodians')
  })

  test('what a region was started with, or names a vault, is not made anew', async () => {
    await breaksOff()
    mkdirSync(join(place.data, 'hsm'), { recursive: true })
    writeFileSync(join(place.data, 'hsm', `${eu}.json`), JSON.stringify({ format: 'vaultspan/pkcs11-hsm/2' }))
    await expect(initTokensWithCustodians(place.tokens(1), place.ceremony())).rejects.toThrow('is there already')
    expect(() => initTokens({ ...place.tokens(1), isWithoutCustodians: true })).toThrow('was made with custodians')
  })

  test('a medium that takes no file is found before anything is made', async () => {
    const ceremony = { ...place.ceremony(), transcript: '/proc/ceremony.json' }
    await expect(initTokensWithCustodians(place.tokens(0), ceremony)).rejects.toThrow('Nothing can be written to /proc')
    const missing = { ...place.ceremony(), transcript: join(place.folder, 'none', 'ceremony.json') }
    await expect(initTokensWithCustodians(place.tokens(0), missing)).rejects.toThrow('is not there; mount it')
    expect({ labels: labelsOf(place), files: readdirSync(place.folder) }).toEqual({ labels: [], files: ['user.pin'] })
  })
})

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
])('%s takes back the shares that were written', async (signal, code) => {
  const place = new Place()
  try {
    const { transcript, shareFiles } = place.ceremony()
    const keys = await knownRsaPair(4096)
    const program = `
      import { existsSync } from 'node:fs'
      import { holdCeremony } from ${JSON.stringify(join(process.cwd(), 'local/hsm/ceremony.ts'))}
      const files = ${JSON.stringify(shareFiles)}
      const secret = Buffer.from(${JSON.stringify(Buffer.from(keys.secret).toString('base64'))}, 'base64')
      const make = () => {
        console.log(files.every((file) => existsSync(file)))
        setInterval(() => undefined, 1000)
        process.kill(process.pid, ${JSON.stringify(signal)})
        const sign = () => new Promise(() => undefined)
        return { lines: [], library: null, regions: [{ region: 'eu', publicKey: '', tokens: [], sign, close() {} }] }
      }
      await holdCeremony(
        { data: ${JSON.stringify(place.data)}, shareFiles: files, threshold: 2, transcript: ${JSON.stringify(transcript)},
          generateRsa: async () => ({ secret, publicKey: ${JSON.stringify(keys.publicKey)} }) },
        { check() {}, make })`
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      encoding: 'utf8',
      ...inTime,
    })
    expect({ status, stdout, stderr }).toEqual({
      status: code,
      stdout: 'true\n',
      stderr: expect.stringMatching('^It was broken off, and its shares are removed.*\n$') as string,
    })
    expect([...shareFiles, transcript].filter((file) => existsSync(file))).toEqual([])
  } finally {
    await place.gone()
  }
})
