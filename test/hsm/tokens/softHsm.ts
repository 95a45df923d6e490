import { existsSync } from 'node:fs'
import { initPartition, initToken } from '../../../lib/hsm/pkcs11/ceremony/initToken.ts'
import { openPkcs11Hsm, type Pkcs11Hsm } from '../../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import type { Pkcs11HsmOptions } from '../../../lib/hsm/pkcs11/roots/pkcs11HsmOptions.ts'
import { partitionLabel } from '../../../lib/hsm/pkcs11/vaults/partitions.ts'
import { Pkcs11Module } from '../../../lib/hsm/pkcs11/library/pkcs11Module.ts'
import { realm } from '../contract/fixtures.ts'

const places = [
  process.env['PKCS11_MODULE'],
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib64/pkcs11/libsofthsm2.so',
  '/opt/homebrew/lib/softhsm/libsofthsm2.so',
]

/** SoftHSM2, where this machine has it; CI installs it and sets REQUIRE_SOFTHSM. */
export const softHsmPath = places.find((place) => place !== undefined && existsSync(place))
if (softHsmPath === undefined && process.env['REQUIRE_SOFTHSM'] !== undefined) {
  throw new Error('SoftHSM2 is not installed, and REQUIRE_SOFTHSM is set.')
}

/** Suites that need a token: run where there is one, skipped with a line that says why where not. */
export const describeWithToken = softHsmPath === undefined ? describe.skip : describe
if (softHsmPath === undefined) console.warn('SoftHSM2 is not installed: what runs on PKCS#11 tokens is skipped.')

export const pins = { soPin: 'the officer’s', pin: 'the service’s' } as const

let count = 0

/** The library; its tokens lie in a directory of the run's own (makeTokenDirectory.js). */
export function softHsm(): Pkcs11Module {
  if (softHsmPath === undefined) throw new Error('SoftHSM2 is not installed.')
  return Pkcs11Module.load(softHsmPath)
}

/** A new token with a region's roots in it, and so many more for private vaults. */
export function newToken(privateVaults = 0, recoveryKey?: string): string {
  const label = `test ${process.pid} ${Date.now() % 1e9} ${count++}`
  initToken({ module: softHsm(), label, ...pins, ...(recoveryKey === undefined ? {} : { recoveryKey }) })
  for (let number = 1; number <= privateVaults; number++) {
    initPartition({ module: softHsm(), label: partitionLabel(label, number), ...pins })
  }
  return label
}

/** A region's HSM on a new token, or on that of this label. */
export function tokenHsm(options: Partial<Pkcs11HsmOptions> = {}, label = newToken()): Pkcs11Hsm {
  const token = { module: softHsm(), label, pin: () => pins.pin }
  return openPkcs11Hsm({ realm, region: 'eu-test-1', token, ...options })
}
