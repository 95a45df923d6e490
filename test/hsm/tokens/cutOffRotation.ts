import { rootCheck } from '../../../lib/hsm/pkcs11/roots/findRoots.ts'
import { KnownRoots } from '../../../lib/hsm/pkcs11/roots/knownRoots.ts'
import { openTokenState } from '../../../lib/hsm/pkcs11/roots/openTokenState.ts'
import { createRoots } from '../../../lib/hsm/pkcs11/roots/regionObjects.ts'
import { regionToken } from '../../../lib/hsm/pkcs11/roots/regionToken.ts'
import { pins, softHsm } from './softHsm.ts'

/** What a crash leaves that came before the turn of the private vaults' tokens: the region has its second roots, they have none. */
export function cutOffRotation(label: string, file: string): void {
  const known = KnownRoots.in(file)
  const token = regionToken({ module: softHsm(), label, pin: () => pins.pin, known })
  const state = openTokenState({ region: 'eu-test-1', token, known, file })
  const second = token.run((session, { kwp }) => rootCheck(session, kwp, createRoots(session, 2)))
  state.vouch(label, { ...known.of(label), 2: second }, [2, 1])
  token.close()
}
