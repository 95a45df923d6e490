import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { initToken } from '../lib/hsm/pkcs11/ceremony/initToken.ts'
import { Pkcs11Module } from '../lib/hsm/pkcs11/library/pkcs11Module.ts'
import { useOwnTokens } from '../local/hsm/softHsmConfig.ts'

/** A PKCS#11 library of this machine, and what it is told when it is initialized. */
export interface TokenLibrary {
  readonly name: string
  readonly path: string
  readonly initArguments?: string
}

export const label = 'bench'
export const pin = 'the service’s'

const softHsm = process.env['PKCS11_MODULE'] ?? '/usr/lib/softhsm/libsofthsm2.so'
const nssPlaces = [
  '/usr/lib/x86_64-linux-gnu/libsoftokn3.so',
  '/usr/lib/aarch64-linux-gnu/libsoftokn3.so',
  '/usr/lib64/libsoftokn3.so',
]

/** Those that are here, each with a place for tokens in the folder. */
export function tokenLibraries(folder: string): readonly TokenLibrary[] {
  useOwnTokens(softHsm, folder, { isNew: true })
  const nss = nssPlaces.find((place) => existsSync(place))
  const place = join(folder, 'nss')
  mkdirSync(place)
  const tokens = `<0x4=[configDir='sql:${place}' tokenDescription='${label}']>`
  return [
    ...(existsSync(softHsm) ? [{ name: 'PKCS#11', path: softHsm }] : []),
    ...(nss === undefined
      ? []
      : [{ name: 'NSS softokn', path: nss, initArguments: `configDir='' flags=passwordRequired tokens=${tokens}` }]),
  ]
}

/** Loaded, and with a token that has a region's roots. */
export function loadWithToken({ path, initArguments }: TokenLibrary): Pkcs11Module {
  const module = Pkcs11Module.load(path, initArguments)
  initToken({ module, label, soPin: 'the officer’s', pin })
  return module
}
