import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { initToken } from '../../../lib/hsm/pkcs11/ceremony/initToken.ts'
import { openPkcs11Hsm, type Pkcs11Hsm } from '../../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import type { Pkcs11HsmOptions } from '../../../lib/hsm/pkcs11/roots/pkcs11HsmOptions.ts'
import { Pkcs11Module } from '../../../lib/hsm/pkcs11/library/pkcs11Module.ts'
import { realm } from '../contract/fixtures.ts'
import { pins } from './softHsm.ts'

const places = [
  process.env['NSS_MODULE'],
  '/usr/lib/x86_64-linux-gnu/libsoftokn3.so',
  '/usr/lib/aarch64-linux-gnu/libsoftokn3.so',
  '/usr/lib64/libsoftokn3.so',
]

/** NSS's token in software, a second library of another making; CI installs it and sets REQUIRE_NSS. */
export const nssPath = places.find((place) => place !== undefined && existsSync(place))
if (nssPath === undefined && process.env['REQUIRE_NSS'] !== undefined) {
  throw new Error('NSS softokn (libnss3) is not installed, and REQUIRE_NSS is set.')
}

export const describeWithNss = nssPath === undefined ? describe.skip : describe
if (nssPath === undefined) console.warn('NSS softokn is not installed: what runs on it is skipped.')

/** NSS is told all its tokens when it is initialized, once for a process: another suite in it goes on with those that are left. */
const capacity = 90
let loaded: Pkcs11Module | undefined

export function nss(): Pkcs11Module {
  if (nssPath === undefined) throw new Error('NSS softokn is not installed.')
  if (loaded !== undefined) return loaded
  const directory = join(process.env['SOFTHSM2_CONF'] ?? '', '..', `nss-${process.pid}`)
  const tokens = Array.from({ length: capacity }, (_, index) => {
    const place = join(directory, String(index))
    mkdirSync(place, { recursive: true })
    return `0x${(index + 4).toString(16)}=[configDir='sql:${place}' tokenDescription='nss ${process.pid} ${index}']`
  })
  loaded = Pkcs11Module.load(nssPath, `configDir='' flags=passwordRequired tokens=<${tokens.join(' ')}>`)
  return loaded
}

/** A new token with a region's roots in it. */
export function newNssToken(): string {
  const module = nss()
  const free = module.slots().map((slot) => module.tokenInfo(slot))
  const label = free.find(({ isInitialized }) => !isInitialized)?.label
  if (label === undefined) throw new Error('All tokens of NSS are taken.')
  initToken({ module, label, ...pins })
  return label
}

export function nssHsm(options: Partial<Pkcs11HsmOptions> = {}, label = newNssToken()): Pkcs11Hsm {
  const token = { module: nss(), label, pin: () => pins.pin }
  return openPkcs11Hsm({ realm, region: 'eu-test-1', token, ...options })
}
