import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { initPartition, initToken } from '../../../lib/hsm/pkcs11/ceremony/initToken.ts'
import { partitionLabel } from '../../../lib/hsm/pkcs11/vaults/partitions.ts'
import { openPkcs11Hsm, type Pkcs11Hsm } from '../../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import type { Pkcs11HsmOptions } from '../../../lib/hsm/pkcs11/roots/pkcs11HsmOptions.ts'
import { Pkcs11Module } from '../../../lib/hsm/pkcs11/library/pkcs11Module.ts'
import { realm } from '../contract/fixtures.ts'
import { pins } from './softHsm.ts'

const named = process.env['KRYOPTIC_MODULE']
if (named !== undefined && !existsSync(named)) throw new Error(`KRYOPTIC_MODULE names no file: ${named}`)

/** Kryoptic, a token in Rust: `.ci/install-kryoptic.sh` builds it, by night and for whoever sets KRYOPTIC_MODULE. */
export const kryopticPath = named

/** It is told all its slots when it is initialized, each with a file of its own. */
const capacity = 200
let loaded: Pkcs11Module | undefined
let count = 0

export function kryoptic(): Pkcs11Module {
  if (kryopticPath === undefined) throw new Error('KRYOPTIC_MODULE is not set.')
  if (loaded !== undefined) return loaded
  const directory = join(process.env['SOFTHSM2_CONF'] ?? '', '..', `kryoptic-${process.pid}`)
  mkdirSync(directory, { recursive: true })
  const slots = Array.from(
    { length: capacity },
    (_, index) =>
      `[[slots]]\nslot = ${index + 1}\ndbtype = "sqlite"\ndbargs = ${JSON.stringify(join(directory, `${index}.sql`))}\n`,
  )
  const file = join(directory, 'kryoptic.conf')
  writeFileSync(file, slots.join('\n'))
  loaded = Pkcs11Module.load(kryopticPath, `kryoptic_conf=${file}`)
  return loaded
}

/** A new token with a region's roots in it, and so many more for private vaults. */
export function newKryopticToken(privateVaults = 0): string {
  const label = `kryoptic ${process.pid} ${Date.now() % 1e9} ${count++}`
  initToken({ module: kryoptic(), label, ...pins })
  for (let number = 1; number <= privateVaults; number++) {
    initPartition({ module: kryoptic(), label: partitionLabel(label, number), ...pins })
  }
  return label
}

export function kryopticHsm(options: Partial<Pkcs11HsmOptions> = {}, label = newKryopticToken()): Pkcs11Hsm {
  const token = { module: kryoptic(), label, pin: () => pins.pin }
  return openPkcs11Hsm({ realm, region: 'eu-test-1', token, ...options })
}
