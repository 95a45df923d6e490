import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { initialize, initPartition, initToken } from '../../lib/hsm/pkcs11/initToken.ts'
import { initTokensWithCustodians } from '../../local/hsm/initCustodians.ts'
import { initTokens } from '../../local/hsm/initTokens.ts'
import { holdCeremony } from '../../local/hsm/ceremony.ts'
import { recoveryOf } from '../../local/hsm/recoveryFile.ts'
import { noteCeremony } from '../../local/hsm/unfinishedCeremonies.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { eu, labelsOf, Place, us } from './custodiansPlace.ts'
import { describeWithToken, pins, softHsm } from './softHsm.ts'

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
    // Fewer than before: the others are nobody's.
    const lines = await initTokensWithCustodians(place.tokens(1), place.ceremony())
    expect(lines.filter((line) => line.includes('left by a ceremony that did not end'))).toHaveLength(4)
    expect(initTokens(place.tokens(2)).filter((line) => line.includes('left by a ceremony'))).toHaveLength(2)
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
    writeFileSync(place.share(1), JSON.stringify({ ceremony: ceremonies[0]?.ceremony }))
    expect(() => initTokens(place.tokens(1))).toThrow(/did not end in .*: hold it again .*--no-custodians.*Nothing was/)
    expect(await place.status()).toMatchObject({
      isFit: false,
      lines: expect.arrayContaining([expect.stringContaining('nobody has its shares: hold it again')]) as unknown,
    })
    const lines = initTokens({ ...place.tokens(1), isWithoutCustodians: true })
    expect(lines.filter((line) => line.includes('left by a ceremony'))).toHaveLength(4)
    expect(lines.filter((line) => line.includes('worthless'))).toEqual([
      `  ${place.share(1)}  is a share of it, and worthless: destroy it`,
    ])
    expect((await place.status()).isFit).toBe(true)
    // It was said once; tokens beyond those that were asked for are left of it, too.
    expect(initTokens(place.tokens(2)).filter((line) => line.includes('left by a ceremony'))).toHaveLength(2)
    await place.start()
    await place.opens(await place.makes('VIRTUAL_PRIVATE'))
  })

  test('a token that was cut off between its steps is made anew', async () => {
    const module = softHsm()
    initialize({ module, label: label(eu), ...pins })
    await initTokensWithCustodians(place.tokens(0), place.ceremony())
    expect(existsSync(join(place.data, 'hsm', 'unfinished-ceremonies.json'))).toBe(false)
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

  test('a pool’s token of no custodians is not taken for one of theirs', async () => {
    await initTokensWithCustodians(place.tokens(0), place.ceremony())
    initPartition({ module: softHsm(), label: label(`${eu} #1`), ...pins })
    expect(() => initTokens(place.tokens(1))).toThrow('was made without these custodians')
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
