import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { initTokensWithCustodians } from '../../local/hsm/initCustodians.ts'
import { recoveryOf } from '../../local/hsm/recoveryFile.ts'
import { verifyCeremony } from '../../local/hsm/verifyCeremony.ts'
import { eu, Place } from './tokens/custodiansPlace.ts'
import { describeWithToken } from './tokens/softHsm.ts'

describeWithToken('a ceremony that has ended', () => {
  let place: Place
  const hold = (isAnew = false) => initTokensWithCustodians(place.tokens(1), { ...place.ceremony(), isAnew })
  const loses = () => {
    for (const number of [1, 2, 3]) rmSync(place.share(number))
    rmSync(place.ceremony().transcript)
  }

  beforeEach(() => {
    place = new Place()
  })

  afterEach(() => place.gone())

  test('says so to the same command, and is held anew where its shares are lost and no region was started', async () => {
    await hold()
    const first = recoveryOf(place.data)?.ceremony ?? ''
    const { transcript } = place.ceremony()
    // As after a kill between its last file and its last line.
    for (const isAnew of [false, true])
      await expect(hold(isAnew)).rejects.toThrow(
        `${transcript}. Each custodian verifies theirs: npm run hsm -- verify ${transcript} --share SHARE.`,
      )
    loses()
    await expect(hold()).rejects.toThrow('No region was started yet: where too few have their shares')
    expect(recoveryOf(place.data)?.ceremony).toBe(first)
    const lines = await hold(true)
    expect(lines.filter((line) => line.includes('left by a ceremony that did not end'))).toHaveLength(4)
    const next = recoveryOf(place.data)?.ceremony
    expect(next).not.toBe(first)
    expect((await verifyCeremony(transcript, place.share(1))).join()).toContain(
      `share 1 of this ceremony (${next ?? ''}`,
    )
    await place.start()
    await place.stop()
    loses()
    await expect(hold()).rejects.toThrow(/by the ceremony [^ ]*\.$/)
    await expect(hold(true)).rejects.toThrow(`was started (${join(place.data, 'hsm', `${eu}.json`)})`)
    // What is in the tokens counts, too.
    rmSync(join(place.data, 'regions'), { recursive: true })
    rmSync(join(place.data, 'hsm', `${eu}.json`))
    rmSync(join(place.data, 'hsm', 'us-test-1.json'))
    rmSync(join(place.data, 'host.db'))
    await expect(hold(true)).rejects.toThrow('has the root of a tenancy')
    expect(recoveryOf(place.data)?.ceremony).toBe(next)
  })
})
