import { createCipheriv, createSecretKey, randomBytes, type KeyObject } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openPkcs11Hsm } from '../lib/hsm/pkcs11/pkcs11Hsm.ts'
import type { Pkcs11Module } from '../lib/hsm/pkcs11/library/pkcs11Module.ts'
import type { ProvisionedHsm } from '../lib/hsm/provisionedHsm.ts'
import { openSoftwareHsm } from '../lib/hsm/software/softwareHsm.ts'
import { bareCalls, inTurns } from './bareToken.ts'
import { goal, line } from './hsmLines.ts'
import { benchRotation } from './hsmRotation.ts'
import { materialOf, plaintext, shapes, used, vaultOf } from './hsmWork.ts'
import { benchCallers } from './tokenCallers.ts'
import { label, loadWithToken, pin, tokenLibraries, type TokenLibrary } from './tokenLibraries.ts'
import { Standstill, type StoodStill } from './standstill.ts'

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
  const folder = mkdtempSync(join(tmpdir(), 'vaultspan-bench-hsm-'))
  try {
    const libraries = tokenLibraries(folder)
    if (libraries.length === 0)
      console.log('PKCS#11: skipped, neither SoftHSM nor NSS softokn is here; PKCS11_MODULE names another library')
    for (const [index, library] of libraries.entries()) {
      // Each use of a key that stays in NSS's token takes it two milliseconds: fewer vaults show that as well.
      await benchToken(library, index === 0 ? vaults : Math.ceil(vaults / 100))
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function benchToken(library: TokenLibrary, vaults: number): Promise<void> {
  const { name } = library
  const module = loadWithToken(library)
  const open = (handleCapacity = 1_000) =>
    openPkcs11Hsm({ region: 'r', realm: 'oc1', handleCapacity, token: { module, label, pin: () => pin } })
  const alone = await benchBackend(name, open)
  goal(`${name} AES uncached, by the clock of this machine`, alone.uncached, 15_000, 'at least')
  for (const [how, reckoned] of Object.entries(await benchCallers(library, module, open())))
    goal(`${name} AES uncached, ${how}, reckoned with a core for each`, reckoned, 15_000, 'at least')
  await benchBesideBareCalls(name, module, open)
  await benchRotation(name, open(), vaults)
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
  name: string,
  module: Pkcs11Module,
  open: (handleCapacity: number) => ProvisionedHsm,
): Promise<void> {
  const bare = bareCalls(module, label, pin)
  const cost = await inTurns({
    ...bare,
    'encrypt: cached': await encryption(open(1_000)),
    'encrypt: uncached': await encryption(open(0)),
  })
  for (const [what, micros] of cost)
    console.log(`  ${`${name}: µs of CPU, ${what}`.padEnd(62)} ${micros.toFixed(1).padStart(10)}`)
  const raw = cost.has('pkcs11js: cached') ? 'pkcs11js' : 'session'
  if (raw === 'session') console.log('  PKCS11JS=node_modules/pkcs11js of an installed one puts its calls beside these')
  for (const how of ['cached', 'uncached'])
    goal(
      `${name} AES ${how}, of the bare calls`,
      (cost.get(`${raw}: ${how}`) ?? 0) / (cost.get(`encrypt: ${how}`) ?? 1),
      0.6,
      'at least',
    )
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
