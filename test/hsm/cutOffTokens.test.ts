import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isKeyProven, isProven } from '../../lib/hsm/pkcs11/keys/provenToken.ts'
import { tenancyRootLabel } from '../../lib/hsm/pkcs11/keys/tokenRoots.ts'
import { CKO } from '../../lib/hsm/pkcs11/library/constants.ts'
import type { NewToken } from '../../lib/hsm/pkcs11/ceremony/initialize.ts'
import { initPartition, initToken } from '../../lib/hsm/pkcs11/ceremony/initToken.ts'
import { restoreToken, tokenCopies } from '../../lib/hsm/pkcs11/ceremony/tokenBackup.ts'
import { rootLabel } from '../../lib/hsm/pkcs11/roots/findRoots.ts'
import { createSigner, identityLabel, labelled } from '../../lib/hsm/pkcs11/roots/regionObjects.ts'
import { markAs } from '../../lib/hsm/pkcs11/roots/vaultMarker.ts'
import { initTokensWithCustodians } from '../../local/hsm/initCustodians.ts'
import { initTokens } from '../../local/hsm/initTokens.ts'
import { noteToken, unfinishedTokens } from '../../local/hsm/unfinishedTokens.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { eu, name, Place } from './tokens/custodiansPlace.ts'
import { placesOf, tokensFolder } from './tokens/placesOf.ts'
import { troubled } from './tokens/slowToken.ts'
import { describeWithToken, pins, softHsm, tokenHsm } from './tokens/softHsm.ts'
import { inToken, spoilIdentity, spoilRoot } from './tokens/spoiledObject.ts'

const [wrapping, mac] = [rootLabel('wrappingRoot', 1), rootLabel('macRoot', 1)]

/** As C_InitToken leaves it, under a PIN of this officer. */
function withoutPin(label: string, soPin: string = pins.soPin): void {
  const [module, officer] = [softHsm(), Buffer.from(soPin)]
  module.call('C_InitToken', module.emptySlot(label) ?? -1, officer, officer.length, Buffer.from(label.padEnd(32)))
}

function remove(token: string, objectClass: number, label: string): void {
  inToken(token, (session) => {
    for (const object of session.find(labelled(objectClass, label))) session.remove(object)
  })
}

const left: readonly (readonly [string, (label: string) => void])[] = [
  ['no PIN', () => undefined],
  [
    'no roots',
    (label) => {
      remove(label, CKO.SECRET_KEY, wrapping)
    },
  ],
  [
    'one root',
    (label) => {
      remove(label, CKO.SECRET_KEY, mac)
    },
  ],
  [
    'a wrapping root that does nothing',
    (label) => {
      spoilRoot(label, wrapping)
    },
  ],
  [
    'a MAC root that does nothing',
    (label) => {
      spoilRoot(label, mac)
    },
  ],
]

describeWithToken('a token that was cut off while it was made', () => {
  let place: Place
  const label = (rest = '') => `${place.label} ${eu}${rest}`
  const only = (privateVaults = 1) => ({ ...place.tokens(privateVaults), regions: [eu] })
  const anew = 'it is initialized anew'

  beforeEach(() => {
    place = new Place()
    place.regionsInTokens = [eu]
  })

  afterEach(() => place.gone())

  const make = (rest: string, spoiled: (label: string) => void, which: string) => {
    const kind = rest === '' ? initToken : initPartition
    if (which === 'no PIN') withoutPin(label(rest))
    else kind({ module: softHsm(), label: label(rest), ...pins })
    spoiled(label(rest))
    noteToken(place.data, label(rest))
  }

  test.each([...left, ['an identity that does not sign', spoilIdentity] as const])(
    'a region’s with %s is never well, and is made anew by the same command',
    async (which, spoiled) => {
      make('', spoiled, which)
      const says = `The token ${label()} is half made: hsm init was cut off`
      expect((await place.status()).unfit).toEqual([expect.stringContaining(says)])
      await expect(place.start()).rejects.toThrow(says)
      expect(initTokens(only()).join()).toContain(anew)
      expect(unfinishedTokens(place.data)).toEqual([])
      expect((await place.status()).isFit).toBe(true)
    },
  )

  test.each(left)('one of a pool with %s is not free, and is made anew by the same command', async (which, spoiled) => {
    initTokens(only(0))
    make(' #1', spoiled, which)
    const { unfit, lines } = await place.status()
    expect(unfit).toEqual([expect.stringContaining(`The token ${label(' #1')} is half made`)])
    expect(lines.join()).toContain('tokens for private vaults: 0 free')
    expect(initTokens(only()).join()).toContain(anew)
    expect(await place.status()).toMatchObject({
      isFit: true,
      lines: expect.arrayContaining([expect.stringContaining('1 free')]) as unknown,
    })
  })

  test.each(left)('a ceremony is held again over tokens with %s', async (which, spoiled) => {
    make('', spoiled, which)
    make(' #1', spoiled, which)
    const lines = await initTokensWithCustodians(only(), place.ceremony())
    expect(lines.filter((line) => line.includes(anew))).toHaveLength(2)
    expect(unfinishedTokens(place.data)).toEqual([])
  })

  test('what a tenancy, a vault or another program has something in, or nobody can look into, stays whatever is noted', () => {
    const kept = [
      ['', (session: Parameters<typeof createSigner>[0]) => createSigner(session, tenancyRootLabel('first'))],
      ['', (session: Parameters<typeof createSigner>[0]) => createSigner(session, 'another program’s')],
      [
        ' #1',
        (session: Parameters<typeof createSigner>[0]) => {
          markAs(session, 'a vault')
        },
      ],
    ] as const
    for (const [rest, put] of kept) {
      const token = { module: softHsm(), label: `${name()}${rest}`, isUnfinished: true, isTaken: false, ...pins }
      const init = rest === '' ? initToken : initPartition
      init(token)
      inToken(token.label, (session) => void put(session))
      expect(init(token)).toBe('there already')
      expect(() => init({ ...token, pin: 'another PIN' })).toThrow('refuses the PIN')
    }
    const taken = { module: softHsm(), label: name(), isUnfinished: true, isTaken: true, ...pins }
    expect([initToken(taken), initToken(taken)]).toEqual(['made', 'there already'])
  })

  test('what a private vault has by the region’s state is not made anew, and is noted no more', async () => {
    initTokens(only(1))
    await place.start()
    const made = await place.makes('VIRTUAL_PRIVATE')
    await place.stop()
    for (const rest of ['', ' #1']) noteToken(place.data, label(rest))
    await expect(place.start()).rejects.toThrow(`The token ${label()} is half made`)
    expect(initTokens(only(1)).filter((line) => line.includes('nothing is changed'))).toHaveLength(2)
    await place.start()
    await place.opens(made)
  })

  test('one that does nothing and is noted nowhere is told, and stays', async () => {
    initTokens(only(1))
    spoilRoot(label(' #1'), mac)
    expect((await place.status()).unfit).toEqual([expect.stringContaining(`The token ${label(' #1')} is half made`)])
    const says = (rest: string) => `What the token ${label(rest)} has as its keys does nothing`
    expect(() => initTokens(only(1))).toThrow(says(' #1'))
    spoilIdentity(label())
    expect((await place.status()).unfit).toEqual([expect.stringContaining('has made no valid signature')])
    expect(() => initTokens(only(1))).toThrow(says(''))
  })

  test('a vault is given the next token, and none is counted that does nothing', async () => {
    initTokens(only(2))
    spoilRoot(label(' #1'), wrapping)
    const token = { module: softHsm(), label: label(), pin: () => pins.pin }
    const hsm = tokenHsm({ region: eu, file: join(place.folder, 'state.json'), token })
    hsm.guardState({ known: () => 0, note: () => undefined })
    expect(hsm.partitionCounts()).toMatchObject({ free: 1 })
    const context = { realm: 'oc1', tenancyId: 'tenancy', vaultId: 'vault', isPrivate: true }
    await hsm.createVaultKeys(context)
    const { partitions } = JSON.parse(readFileSync(join(place.folder, 'state.json'), 'utf8')) as {
      readonly partitions: object
    }
    expect(Object.keys(partitions)).toEqual([label(' #2')])
    hsm.close()
  })

  test('a restore makes anew what has the backup’s keys half written', async () => {
    await initTokensWithCustodians(only(1), place.ceremony())
    await place.start()
    const made = await place.makes('VIRTUAL_PRIVATE')
    const file = await place.backUp('eu.backup')
    await place.stop()
    for (const [rest, spoiled] of [
      [
        '',
        () => {
          spoilIdentity(label())
        },
      ],
      [
        ' #1',
        () => {
          spoilRoot(label(' #1'), mac)
        },
      ],
      [
        ' #1',
        () => {
          spoilRoot(label(' #1'), wrapping)
        },
      ],
    ] as const) {
      spoiled()
      noteToken(place.data, label(rest))
      expect((await place.restore(file)).join()).toContain(`${label(rest)}  made, with its keys`)
      expect(unfinishedTokens(place.data)).toEqual([])
    }
    await place.start()
    await place.opens(made)
  })

  test('one that takes no officer’s PIN is removed where it lies in the data directory, and named where not', () => {
    const folder = tokensFolder()
    withoutPin(label(), 'another officer’s')
    const token = { module: softHsm(), label: label(), ...pins }
    expect(() => initToken({ ...token, deleteCommand: 'delete it' })).toThrow(
      `The token ${label()} is half made and does not take the security officer’s PIN (C_InitToken answered`,
    )
    const { serial } = softHsm().tokenInfo(softHsm().slotOf(label()) ?? -1)
    const [own = ''] = readdirSync(folder).filter((each) => each.replaceAll('-', '').endsWith(serial))
    // Something is in it.
    writeFileSync(join(folder, own, 'key.object'), '')
    expect(() => initToken({ ...token, folder })).toThrow('is half made and does not take')
    expect(existsSync(join(folder, own))).toBe(true)
  })

  test('one that takes no officer’s PIN gives way to another', () => {
    const folder = tokensFolder()
    withoutPin(label(), 'another officer’s')
    const [former = ''] = placesOf(label())
    expect(initToken({ module: softHsm(), label: label(), ...pins, folder })).toBe('replaced')
    expect(placesOf(label())).toEqual([expect.not.stringContaining(former)])
    expect(() => initToken({ module: softHsm(), label: label(), ...pins, soPin: 'another', folder })).not.toThrow()
  })

  /** Ends the process, as far as the library knows, at this call of it. */
  const killedAt = (step: number) => {
    let calls = 0
    const code = () => {
      if (++calls >= step) throw new Error('killed')
      return undefined
    }
    return { module: troubled(softHsm(), { code }), calls: () => calls }
  }

  const everyCall = (privateName: string, work: (token: NewToken) => void, check: (token: NewToken) => void) => {
    for (let step = 1; ; step += 19) {
      const { module } = killedAt(step)
      let isNoted = false
      const token = { label: `${name()} ${privateName}`, ...pins, begin: () => (isNoted = true) }
      try {
        work({ ...token, module })
        return step
      } catch (cause) {
        if (String(cause) !== 'Error: killed') throw cause
      }
      check({ ...token, module: softHsm(), isUnfinished: isNoted })
    }
  }

  test.each([
    ['a region’s', 'region', initToken],
    ['one of a pool', 'vault', initPartition],
  ] as const)('%s is made anew wherever its making was cut off', async (_which, kind, init) => {
    const { publicKey } = await knownRsaPair(4096)
    for (const custodians of [{}, { recoveryKey: publicKey }]) {
      const steps = everyCall(
        kind,
        (token) => init({ ...token, ...custodians }),
        (token) => {
          expect(['made', 'replaced']).toContain(init({ ...token, ...custodians }))
          expect(inToken(token.label, (session) => isProven(session, kind))).toBe(true)
        },
      )
      expect(steps).toBeGreaterThan(30)
    }
  })

  test('a restored one is whole wherever its restore was cut off', async () => {
    const { publicKey, secret } = await knownRsaPair(4096)
    const source = { module: softHsm(), label: name(), ...pins, recoveryKey: publicKey }
    initToken(source)
    const copies = inToken(source.label, (session) => tokenCopies(session, source.label, publicKey))
    const restore = (token: NewToken) => restoreToken({ ...token, recoveryKey: publicKey }, copies, Buffer.from(secret))
    const steps = everyCall('restored', restore, (token) => {
      restore(token)
      expect(
        inToken(token.label, (session) => copies.keys.map((each) => isKeyProven(session, each.label, each.publicKey))),
      ).toEqual([true, true, true])
      expect(restore(token)).toBe('there already')
    })
    expect(steps).toBeGreaterThan(30)
    expect(copies.keys.map((each) => each.label)).toContain(identityLabel)
  })
})
