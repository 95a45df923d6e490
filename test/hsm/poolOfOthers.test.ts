import { CKU } from '../../lib/hsm/pkcs11/library/constants.ts'
import { Pkcs11Hsm } from '../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import { initPartition } from '../../lib/hsm/pkcs11/ceremony/initToken.ts'
import { putRecoveryKey } from '../../lib/hsm/pkcs11/roots/recoverable.ts'
import { Session } from '../../lib/hsm/pkcs11/token/session.ts'
import { askService } from '../../local/control/askService.ts'
import { initTokensWithCustodians } from '../../local/hsm/initCustodians.ts'
import { initTokens } from '../../local/hsm/initTokens.ts'
import { rotateRoot } from '../../local/hsm/rotateRoot.ts'
import type { CloudStatus } from '../../local/status/cloudStatus.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { eu, Place } from './tokens/custodiansPlace.ts'
import { describeWithToken, pins, softHsm } from './tokens/softHsm.ts'

/** As former versions left them where a ceremony was begun again with fewer tokens. */
describeWithToken('a pool’s token that is not of the cloud’s custodians', () => {
  let place: Place
  const token = (number: number) => `${place.label} ${eu} #${number}`
  const ofOthers = async (number: number) => {
    const { publicKey } = await knownRsaPair(4096)
    initPartition({ module: softHsm(), label: token(number), recoveryKey: publicKey, ...pins })
  }

  beforeEach(() => {
    place = new Place()
  })

  afterEach(() => place.gone())

  test('is given to no vault, is named with what helps, and is made anew by hsm init, whatever its number', async () => {
    await initTokensWithCustodians(place.tokens(0), place.ceremony())
    await ofOthers(1)
    initPartition({ module: softHsm(), label: token(2), ...pins })
    await place.start()
    const { hsm } = place.cloud?.parts[0] ?? {}
    // Before anybody asks for one.
    expect(hsm instanceof Pkcs11Hsm && hsm.partitionCounts()).toMatchObject({ free: 0 })
    await expect(place.makes('VIRTUAL_PRIVATE')).rejects.toThrow('LimitExceeded')
    const { regions } = JSON.parse(await askService(place.data, 'state')) as CloudStatus
    // No token is counted: neither is free.
    expect(regions[0]).not.toHaveProperty('health.privateTokens')
    expect(regions[0]).not.toHaveProperty('privateTokens')
    await place.stop()
    expect(await place.custody()).toEqual([`isOfOthers ${token(1)}`, `hasNoCopies ${token(2)}`])
    expect((await place.status()).lines.join('\n')).toContain('tokens for private vaults: 0 free')
    await expect(place.backUp('none.backup')).rejects.toThrow(
      `No vault has it: stop the service, make it anew by the security officer's PIN (npm run hsm -- init --so-pin-file FILE --data ${place.data} --regions ${eu}), and begin again.`,
    )
    const lines = initTokens(place.tokens(0))
    expect(lines.filter((line) => line.includes('made for other custodians'))).toHaveLength(2)
    await place.start()
    await place.opens(await place.makes('VIRTUAL_PRIVATE'))
    await place.backUp('eu.backup')
  })

  test('stays where a private vault has it, and then no root is made', async () => {
    await initTokensWithCustodians(place.tokens(1), place.ceremony())
    await place.start()
    await place.makes('VIRTUAL_PRIVATE')
    await place.stop()
    const module = softHsm()
    const { publicKey } = await knownRsaPair(4096)
    place.deletes(token(1), 'vaultspan recovery')
    const officer = Session.open(module, module.slotOf(token(1)) ?? -1)
    officer.login(CKU.SO, pins.soPin)
    putRecoveryKey(officer, publicKey)
    officer.close()
    await place.start()
    const [part] = place.cloud?.parts ?? []
    if (part === undefined) throw new Error('There is no region.')
    await expect(rotateRoot(part)).rejects.toThrow(
      `The token ${token(1)}, which a private vault has, was not made for this cloud's custodians`,
    )
    expect(part.hsm.rotation.isRotating()).toBe(false)
    expect(await place.custody()).toEqual([`vaultIsOfOthers ${token(1)}`])
    await place.stop()
    const held = initTokens(place.tokens(0))
    expect(held.filter((line) => line.includes('anew'))).toEqual([])
  })
})
