import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { join } from 'node:path'
import { until } from '../harness/until.ts'
import { markOwner, ownerMarks, ownerPathIn } from '../../lib/hsm/pkcs11/roots/ownerMark.ts'
import { createMark } from '../../lib/hsm/pkcs11/roots/regionObjects.ts'
import { partitionToken } from '../../lib/hsm/pkcs11/roots/regionToken.ts'
import { markAs, markIn } from '../../lib/hsm/pkcs11/roots/vaultMarker.ts'
import { realm } from '../../lib/ocid.ts'
import { verifyAudit } from '../../local/audit/verifyAudit.ts'
import { auditAtRest } from '../../local/region/chainedAtRest.ts'
import { operatorEvents } from '../local/operatorEvents.ts'
import { askService } from '../../local/control/askService.ts'
import { initTokensWithCustodians } from '../../local/hsm/initCustodians.ts'
import { initTokens } from '../../local/hsm/initTokens.ts'
import { migrateRegion } from '../../local/hsm/migrateRegion.ts'
import { takeTokens } from '../../local/hsm/takeTokens.ts'
import { beginAsOwner, tokenOwner } from '../../local/hsm/tokenOwner.ts'
import { restoreSnapshot } from '../../local/snapshot/restoreSnapshot.ts'
import { takeSnapshot } from '../../local/snapshot/takeSnapshot.ts'
import { eu, labelsOf, Place, us } from './tokens/custodiansPlace.ts'
import { describeWithToken, pins, softHsm, softHsmPath } from './tokens/softHsm.ts'

const sharing = 'Two directories that use the same tokens destroy each other'

describeWithToken('a token and the data directory that it is of', () => {
  let place: Place
  const token = (label: string) => partitionToken({ module: softHsm(), label, pin: () => pins.pin })
  const objectsOf = () => labelsOf(place).map((label) => token(label).bare((session) => session.find([], 256).length))
  const unmark = () => {
    for (const label of labelsOf(place))
      token(label).bare((session) => {
        for (const mark of ownerMarks(session)) session.remove(mark)
      })
  }
  /** As the same place, at another data directory. */
  const at = async (data: string, work: () => Promise<unknown>) => {
    const { data: own } = place
    Object.assign(place, { data })
    try {
      await work()
    } finally {
      Object.assign(place, { data: own })
    }
  }
  const other = () => join(place.folder, 'other')
  const filesIn = (folder: string) => readdirSync(folder, { recursive: true, encoding: 'utf8' }).toSorted()
  const withEnvironment = async <R>(work: () => Promise<R>): Promise<R> => {
    const before = { ...process.env }
    Object.assign(process.env, {
      HSM: 'pkcs11',
      PKCS11_MODULE: softHsmPath,
      PKCS11_PIN_FILE: place.pinFile,
      PKCS11_LABEL: place.label,
    })
    try {
      return await work()
    } finally {
      for (const name of ['HSM', 'PKCS11_MODULE', 'PKCS11_PIN_FILE', 'PKCS11_LABEL'])
        if (before[name] === undefined) Reflect.deleteProperty(process.env, name)
        else process.env[name] = before[name]
    }
  }

  beforeEach(() => {
    place = new Place()
  })

  afterEach(() => place.gone())

  const take = (data = other()) => takeTokens(data, place.settings(), auditAtRest)

  test('no copy of the directory starts on them, nor makes, migrates or backs up anything, until it takes them', async () => {
    await initTokensWithCustodians(place.tokens(1), place.ceremony())
    await place.start()
    const made = await place.makes('VIRTUAL_PRIVATE')
    const file = await place.backUp('eu.backup')
    await place.stop()
    cpSync(place.data, other(), { recursive: true })
    const before = { objects: objectsOf(), files: filesIn(other()) }
    await at(other(), async () => {
      const refusal = `is of the data directory ${place.folder}/data, not of ${place.folder}/other. ${sharing}`
      await expect(place.start()).rejects.toThrow(refusal)
      expect(() => initTokens(place.tokens(3))).toThrow(refusal)
      await expect(place.backUp('another.backup')).rejects.toThrow(refusal)
      await expect(place.restore(file)).rejects.toThrow(refusal)
      expect((await place.status()).lines.join('\n')).toContain(refusal)
      expect((await place.status()).unfit).toEqual([expect.stringContaining(refusal) as string])
      await expect(place.start()).rejects.toThrow(`npm run hsm -- take --data ${other()}`)
    })
    expect({ objects: objectsOf(), files: filesIn(other()).filter((name) => !/-(wal|shm)$/.test(name)) }).toEqual(
      before,
    )
    await place.start()
    await place.opens(made)
    await expect(take()).rejects.toThrow(`A Vaultspan process uses ${place.data}, whose tokens these are`)
    await place.opens(made)
    // Another takes them all the same, from where that is not seen: it makes no roots any more, and uses none.
    const taker = beginAsOwner(other())
    for (const label of labelsOf(place))
      token(label).bare((session) => {
        if (taker !== undefined) markOwner(session, taker)
      })
    await expect(askService(place.data, 'rotate-root -')).rejects.toThrow(sharing)
    for (const part of place.cloud?.parts ?? []) {
      // It is looked at once a second.
      await until(() => !part.hsm.isAnswering())
      expect(await part.health()).toMatchObject({ status: 'degraded', isHsmAnswering: false })
    }
    await expect(place.opens(made)).rejects.toThrow()
    expect(place.failed.at(-1)).toContain(sharing)
    await place.stop()
    expect((await take()).join('\n')).toContain('must not be started again')
    const { reports } = await verifyAudit([other()], { now: Date.now() })
    for (const region of [eu, us]) {
      expect(operatorEvents(other(), region).filter(([act]) => act === 'TakeTokens')).toMatchObject([
        [
          'TakeTokens',
          {
            tokens: labelsOf(place)
              .filter((label) => label.includes(region))
              .toSorted(),
          },
        ],
      ])
      expect(reports).toContainEqual(expect.objectContaining({ region, findings: [] }))
    }
    await expect(place.start()).rejects.toThrow(`is of the data directory ${place.folder}/other`)
    await at(other(), async () => {
      await place.start()
      await place.opens(made)
      await place.stop()
    })
  })

  test('what a snapshot was restored to does not use them, of an older version either, until it takes them', async () => {
    initTokens(place.tokens(1))
    await place.start()
    const made = await place.makes('VIRTUAL_PRIVATE')
    await place.stop()
    const copy = join(place.folder, 'copy')
    await takeSnapshot(place.data, copy)
    expect(existsSync(join(place.data, 'hsm', 'owner.json'))).toBe(true)
    expect(existsSync(join(copy, 'hsm', 'owner.json'))).toBe(false)
    expect(await withEnvironment(() => restoreSnapshot(copy, other()))).toMatchObject({ isToTake: true })
    await at(other(), async () => {
      await expect(place.start()).rejects.toThrow(sharing)
      unmark()
      await expect(place.start()).rejects.toThrow(
        `may be of the directory that ${other()} was restored from. ${sharing}`,
      )
    })
    // Those of an older version are taken by the directory that has them.
    await place.start()
    await place.opens(made)
    await place.stop()
    await at(other(), async () => {
      await expect(place.start()).rejects.toThrow(`is of the data directory ${place.folder}/data`)
      await take()
      await place.start()
      await place.opens(made)
      await place.stop()
    })
  })

  test('a directory that was moved is told, and takes them', async () => {
    initTokens(place.tokens(0))
    await place.start()
    const made = await place.makes('DEFAULT')
    await place.stop()
    renameSync(place.data, other())
    await at(other(), async () => {
      await expect(place.start()).rejects.toThrow(sharing)
      await take()
      await place.start()
      await place.opens(made)
      await place.stop()
    })
    rmSync(other(), { recursive: true })
    mkdirSync(place.data)
    await expect(take(place.data)).rejects.toThrow('There is no cloud in')
  })

  test.each(['as they are', 'of an older version'])(
    'where the directory is not mounted no new cloud begins on them: %s',
    async (how) => {
      initTokens(place.tokens(1))
      await place.start()
      const made = await place.makes('VIRTUAL_PRIVATE')
      await place.stop()
      if (how !== 'as they are') unmark()
      renameSync(place.data, other())
      const before = objectsOf()
      await expect(place.start()).rejects.toThrow(
        how === 'as they are'
          ? `is of the data directory that was at ${place.data} before`
          : 'no state of its region here',
      )
      expect(existsSync(place.data)).toBe(false)
      expect(objectsOf()).toEqual(before)
      const mark = token(`${place.label} ${eu} #1`).bare(markIn)
      expect(mark).toContain(made.vault.id)
      renameSync(other(), place.data)
      await place.start()
      await place.opens(made)
    },
  )

  test('where one of the pool names a vault no new cloud begins either', async () => {
    initTokens(place.tokens(1))
    token(`${place.label} ${us} #1`).bare((session) => {
      markAs(session, 'a vault of somebody’s')
    })
    await expect(place.start()).rejects.toThrow(`${us} #1 has the keys of a private vault, and there is no state`)
  })

  test('a first start that failed leaves them to the next one', async () => {
    initTokens(place.tokens(0))
    place.wasStarted(eu)
    rmSync(join(place.data, 'hsm', `${eu}.json`))
    await place.start()
    await place.makes('DEFAULT')
  })

  test('one that is emptied stays its directory’s, and none that another has taken is emptied', async () => {
    initTokens(place.tokens(2))
    await place.start()
    const vaults = [await place.makes('VIRTUAL_PRIVATE'), await place.makes('VIRTUAL_PRIVATE')]
    const { hsm } = place.cloud?.parts.find(({ name }) => name === eu) ?? {}
    const release = (number: number) => {
      const { id: vaultId = '' } = vaults[number - 1]?.vault ?? {}
      hsm?.releasePartition({ realm, tenancyId: place.cloud?.tenancyId ?? '', vaultId, isPrivate: true }, 'isDeleted')
      return token(`${place.label} ${eu} #${number}`)
    }
    const objects = release(1).bare((session) => [markIn(session), ownerPathIn(session)])
    expect(objects).toEqual([undefined, realpathSync(place.data)])
    const taker = tokenOwner(other())
    const taken = token(`${place.label} ${eu} #2`)
    taken.bare((session) => {
      if (taker !== undefined) markOwner(session, taker)
    })
    expect(() => release(2)).toThrow(sharing)
    expect(taken.bare(markIn)).toContain(vaults[1]?.vault.id)
  })

  test('one whose mark is damaged is nobody’s until it is taken', async () => {
    initTokens(place.tokens(0))
    await place.start()
    await place.stop()
    token(`${place.label} ${eu}`).bare((session) => {
      for (const mark of ownerMarks(session)) session.remove(mark)
      createMark(session, 'vaultspan owner', '{}')
    })
    await expect(place.start()).rejects.toThrow('that its mark, which is damaged, does not name')
    await take(place.data)
  })

  test('a region is migrated into its own only', async () => {
    initTokens(place.tokens(0))
    await at(other(), async () => {
      await place.start(false)
      await place.stop()
      const state = join(other(), 'hsm', `${us}.json`)
      const before = readFileSync(state, 'utf8')
      await expect(migrateRegion(other(), us, place.settings())).rejects.toThrow(sharing)
      expect(readFileSync(state, 'utf8')).toBe(before)
    })
  })

  test('a cloud in memory takes nobody’s', async () => {
    initTokens(place.tokens(0))
    await at(':memory:', () => expect(place.start()).rejects.toThrow('a cloud in memory takes others'))
  })

  test('by whatever link the directory is named, it is the same one', () => {
    mkdirSync(place.data)
    symlinkSync(place.data, other())
    expect(tokenOwner(other())?.path).toBe(realpathSync(place.data))
  })

  test('those that lie in the directory are its own, wherever it goes', () => {
    const before = process.env['SOFTHSM2_CONF']
    try {
      process.env['SOFTHSM2_CONF'] = join(place.data, 'hsm', 'softhsm2.conf')
      expect(tokenOwner(place.data)).toBeUndefined()
      expect(tokenOwner(other())).toBeDefined()
    } finally {
      process.env['SOFTHSM2_CONF'] = before
    }
  })
})
