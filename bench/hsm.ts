import { createCipheriv, createSecretKey, randomBytes, randomUUID, type KeyObject } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { KeyShape, MaterialContext, VaultContext, VaultKeys, WrappedKey } from '../lib/hsm/hsm.ts'
import { initToken } from '../lib/hsm/pkcs11/initToken.ts'
import { openPkcs11Hsm } from '../lib/hsm/pkcs11/pkcs11Hsm.ts'
import { Pkcs11Module } from '../lib/hsm/pkcs11/pkcs11Module.ts'
import type { ProvisionedHsm } from '../lib/hsm/provisionedHsm.ts'
import { openSoftwareHsm } from '../lib/hsm/software/softwareHsm.ts'
import { openSqliteRegionStore } from '../lib/store/sqlite/openSqliteRegionStore.ts'
import { rotateRoot } from '../local/hsm/rotateRoot.ts'
import { useOwnTokens } from '../local/hsm/softHsmConfig.ts'
import { bareCalls, inTurns } from './bareToken.ts'
import { Standstill, type StoodStill } from './standstill.ts'

const context: VaultContext = { realm: 'oc1', tenancyId: 't', vaultId: 'v', isPrivate: false }
const shapes = {
  AES: { algorithm: 'AES', length: 32 },
  RSA: { algorithm: 'RSA', length: 256 },
  ECDSA: { algorithm: 'ECDSA', length: 32, curveId: 'NIST_P256' },
} as const satisfies Record<string, KeyShape>
const plaintext = randomBytes(32)
const softHsm = process.env['PKCS11_MODULE'] ?? '/usr/lib/softhsm/libsofthsm2.so'
const pins = { soPin: 'the officer’s', pin: 'the service’s' }
const ms = 1_000

/** Operations a second of each backend, beside what node:crypto and the bare library do; and how long a rotation takes. */
export async function benchHsm(vaults = 10_000): Promise<void> {
  console.log('\nHSM backends, operations a second (32 bytes, one caller)')
  const floor = limits()
  const openSoftware = (handleCapacity: number) => openSoftwareHsm({ region: 'r', realm: 'oc1', handleCapacity })
  await benchBackend('software', openSoftware)
  const cost = await inTurns({ floor, software: await encryption(openSoftware(1_000)) })
  const times = (cost.get('software') ?? 0) / (cost.get('floor') ?? 1)
  goal('software AES, times node:crypto and the derivation (CPU)', times, 1.3, 'at most')
  await benchRotation('software', openSoftwareHsm({ region: 'r', realm: 'oc1' }), vaults)
  if (!existsSync(softHsm)) {
    console.log(`PKCS#11: skipped, there is no ${softHsm}; PKCS11_MODULE names another library`)
    return
  }
  const folder = mkdtempSync(join(tmpdir(), 'vaultspan-bench-hsm-'))
  mkdirSync(folder, { recursive: true })
  useOwnTokens(softHsm, folder, { isNew: true })
  const module = Pkcs11Module.load(softHsm)
  initToken({ module, label: 'bench', ...pins })
  try {
    const open = (handleCapacity?: number) =>
      openPkcs11Hsm({
        region: 'r',
        realm: 'oc1',
        token: { module, label: 'bench', pin: () => pins.pin },
        ...(handleCapacity === undefined ? {} : { handleCapacity }),
      })
    const token = await benchBackend('PKCS#11', open)
    goal('PKCS#11 AES uncached', token.uncached, 15_000, 'at least')
    await benchBesideBareCalls(module, open)
    await benchRotation('PKCS#11', open(), vaults)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function benchBackend(name: string, open: (handleCapacity: number) => ProvisionedHsm) {
  const [kept, unkept] = [await vaultOf(open(1_000)), await vaultOf(open(0))]
  const rates: Record<string, number> = {}
  for (const [algorithm, shape] of Object.entries(shapes)) {
    for (const [how, vault] of [['cached', kept] as const, ['uncached', unkept] as const]) {
      const material = materialOf(shape)
      const wrapped = await vault.generate(material)
      rates[`${algorithm} ${how}`] = await rate(() => used(vault, material, wrapped))
      line(
        `${name} ${algorithm === 'AES' ? 'AES encrypt' : `${algorithm} sign`}, ${how}`,
        rates[`${algorithm} ${how}`] ?? 0,
      )
    }
  }
  const idle = await standstill(() => new Promise((done) => setTimeout(done, 1_000)))
  console.log(`  ${name}: an idle event loop stood still for ${idle.wall.toFixed(2)} ms beside`)
  const making = await standstill(() => kept.generateWrappingKey({ keyId: 'k', materialId: '0'.repeat(32) }))
  goal(`${name}: the event loop stood still while an RSA-4096 pair was made, ms`, making.wall, 20, 'at most')
  console.log(
    `    it computed for at most ${making.computing.toFixed(2)} ms without coming round; the rest of a standstill it waited for a core`,
  )
  return { uncached: rates['AES uncached'] ?? 0 }
}

async function standstill(work: () => Promise<unknown>): Promise<StoodStill> {
  const watch = new Standstill()
  await work()
  watch.close()
  return watch.take()
}

async function vaultOf(hsm: ProvisionedHsm): Promise<VaultKeys> {
  return hsm.openVault(context, await hsm.createVaultKeys(context))
}

function materialOf(shape: KeyShape): MaterialContext {
  return { keyId: 'k', materialId: '0'.repeat(32), shape, protectionMode: 'HSM', isExportable: false }
}

function used(vault: VaultKeys, material: MaterialContext, wrapped: WrappedKey): Promise<unknown> {
  return vault.use(material, wrapped, (key) => {
    switch (material.shape.algorithm) {
      case 'AES':
        return key.encrypt('AES_256_GCM', plaintext, {})
      case 'RSA':
        return key.sign('SHA_256_RSA_PKCS_PSS', 'RAW', plaintext)
      case 'ECDSA':
        return key.sign('ECDSA_SHA_256', 'RAW', plaintext)
    }
  })
}

/** What no backend can be faster than: the four blocks of a message's key, and one AES-256-GCM under that key, new each time. */
function limits(): () => void {
  const key = createSecretKey(randomBytes(32))
  const blocks = randomBytes(64)
  const gcm = (by: KeyObject) => {
    const cipher = createCipheriv('aes-256-gcm', by, randomBytes(12))
    cipher.update(plaintext)
    cipher.final()
    cipher.getAuthTag()
  }
  const derivation = createCipheriv('aes-256-ecb', key, null).setAutoPadding(false)
  const both = () => {
    gcm(createSecretKey(derivation.update(blocks).subarray(0, 32)))
  }
  const kept = () => {
    gcm(key)
  }
  line('node:crypto AES-256-GCM', rateNow(kept))
  line('node:crypto AES-256-GCM under a key derived for the message', rateNow(both))
  return both
}

async function encryption(hsm: ProvisionedHsm): Promise<() => Promise<unknown>> {
  const vault = await vaultOf(hsm)
  const material = materialOf(shapes.AES)
  const wrapped = await vault.generate(material)
  return () => used(vault, material, wrapped)
}

/** Ratios hold better than rates on a machine that does other work too. */
async function benchBesideBareCalls(
  module: Pkcs11Module,
  open: (handleCapacity: number) => ProvisionedHsm,
): Promise<void> {
  const bare = bareCalls(module, 'bench', pins.pin)
  const cost = await inTurns({
    ...bare,
    'encrypt: cached': await encryption(open(1_000)),
    'encrypt: uncached': await encryption(open(0)),
  })
  for (const [name, micros] of cost)
    console.log(`  ${`µs of CPU, ${name}`.padEnd(62)} ${micros.toFixed(1).padStart(10)}`)
  const raw = cost.has('pkcs11js: cached') ? 'pkcs11js' : 'session'
  if (raw === 'session') console.log('  PKCS11JS=node_modules/pkcs11js of an installed one puts its calls beside these')
  for (const how of ['cached', 'uncached'])
    goal(
      `PKCS#11 AES ${how}, of the bare calls`,
      (cost.get(`${raw}: ${how}`) ?? 0) / (cost.get(`encrypt: ${how}`) ?? 1),
      0.6,
      'at least',
    )
}

async function benchRotation(name: string, hsm: ProvisionedHsm, vaults: number): Promise<void> {
  const store = openSqliteRegionStore({ file: ':memory:', clock: Date.now, newId: randomUUID })
  for (let from = 0; from < vaults; from += 40) {
    const ids = Array.from({ length: Math.min(40, vaults - from) }, (_, index) => `vault ${from + index}`)
    await store.tables.write(
      (
        await Promise.all(
          ids.map(async (id) => {
            const row = { pk: id, sk: 'vault', id, tenancyId: 't', vaultType: 'DEFAULT', revision: 1 }
            const wrapped = await hsm.createVaultKeys({ ...context, vaultId: id })
            return [row, { pk: id, sk: 'keys', wrapped: { ...wrapped } }]
          }),
        )
      )
        .flat()
        .map((item) => ({ op: 'put', table: 'Vaults', item }) as const),
    )
  }
  const [started, before, watch] = [performance.now(), process.cpuUsage(), new Standstill()]
  const rewrapped = await rotateRoot({ name, hsm, store })
  const { user, system } = process.cpuUsage(before)
  watch.close()
  const stood = watch.take()
  console.log(`  ${name}: rotate-root took ${((user + system) / 1e6).toFixed(2)} s of CPU`)
  goal(`${name}: the event loop stood still while roots were rotated, ms`, stood.wall, 20, 'at most')
  console.log(`    it computed for at most ${stood.computing.toFixed(2)} ms without coming round`)
  goal(
    `${name}: rotate-root of ${rewrapped} vaults, s`,
    (performance.now() - started) / ms,
    (60 * vaults) / 10_000,
    'at most',
  )
  store.close()
  hsm.close()
}

async function rate(work: () => Promise<unknown>): Promise<number> {
  const until = performance.now() + ms
  let count = 0
  while (performance.now() < until) {
    await work()
    count += 1
  }
  return (count * 1000) / ms
}

function rateNow(work: () => void): number {
  const until = performance.now() + ms
  let count = 0
  while (performance.now() < until) {
    work()
    count += 1
  }
  return (count * 1000) / ms
}

function line(what: string, perSecond: number): void {
  console.log(`  ${what.padEnd(62)} ${Math.round(perSecond).toLocaleString('en').padStart(10)}`)
}

function goal(what: string, value: number, wanted: number, side: 'at least' | 'at most'): void {
  const isMet = side === 'at least' ? value >= wanted : value <= wanted
  const shown = value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(2)
  console.log(`  ${what}: ${shown}; goal ${side} ${wanted.toLocaleString('en')}: ${isMet ? 'met' : 'MISSED'}`)
}
