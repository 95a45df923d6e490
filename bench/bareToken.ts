import { randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { CKA, CKM, CKU } from '../lib/hsm/pkcs11/library/constants.ts'
import { mechanism } from '../lib/hsm/pkcs11/library/encode.ts'
import { findAbilities } from '../lib/hsm/pkcs11/token/abilities.ts'
import type { Pkcs11Module } from '../lib/hsm/pkcs11/library/pkcs11Module.ts'
import { Session } from '../lib/hsm/pkcs11/token/session.ts'
import { aesTemplate, masterTemplate } from '../lib/hsm/pkcs11/token/templates.ts'

type Work = () => unknown
type Number8 = Buffer

/** What is used of pkcs11js, which is no dependency: it has to be compiled. */
interface Pkcs11Js {
  load(path: string): void
  C_OpenSession(slot: Number8, flags: number): Number8
  C_UnwrapKey(session: Number8, how: object, key: Number8, wrapped: Buffer, template: object): Number8
  C_SignInit(session: Number8, how: object, key: Number8): void
  C_Sign(session: Number8, data: Buffer, room: Buffer): Buffer
  C_DestroyObject(session: Number8, object: Number8): void
}

const messages = randomBytes(64)
const block = messages.subarray(0, 16)

/**
 * The calls of one AES encryption and no more, by our own session and by pkcs11js where PKCS11JS names its folder: four CMACs with
 * a key that is open, and with one that is unwrapped for it.
 */
export function bareCalls(module: Pkcs11Module, label: string, pin: string): Readonly<Record<string, Work>> {
  const slot = module.slotOf(label) ?? -1
  const session = Session.open(module, slot)
  try {
    session.login(CKU.USER, pin)
  } catch {
    // Logged in already: the login is the process's.
  }
  const { kwp } = findAbilities(session)
  const cmac = mechanism(CKM.AES_CMAC)
  const generate = (uses: readonly number[]) =>
    session.generateKey(mechanism(CKM.AES_KEY_GEN), [
      ...aesTemplate(uses, { isExtractable: true }),
      [CKA.VALUE_LEN, 32],
    ])
  const [kek, key] = [generate([CKA.WRAP, CKA.UNWRAP]), generate([CKA.SIGN])]
  const blob = session.wrap(kwp, kek, key)
  const template = masterTemplate({ algorithm: 'AES', length: 32 })
  return {
    'session: cached': () => session.signBlocks(cmac, key, messages),
    'session: uncached': () => {
      const opened = session.unwrap(kwp, kek, blob, template)
      session.signBlocks(cmac, opened, messages)
      session.destroy(opened)
    },
    ...byPkcs11Js(module.path, slot, { kwp: kwp.type, kek, key, blob, template }),
  }
}

function byPkcs11Js(
  path: string,
  slot: number,
  {
    kwp,
    kek,
    key,
    blob,
    template,
  }: {
    readonly kwp: number
    readonly kek: number
    readonly key: number
    readonly blob: Buffer
    readonly template: ReturnType<typeof masterTemplate>
  },
): Readonly<Record<string, Work>> {
  const folder = process.env['PKCS11JS']
  if (folder === undefined) return {}
  const { PKCS11 } = createRequire(join(folder, 'package.json'))(folder) as { readonly PKCS11: new () => Pkcs11Js }
  const pkcs11 = new PKCS11()
  pkcs11.load(path)
  const session = pkcs11.C_OpenSession(number8(slot), 6)
  const attributes = template.map(([type, value]) => ({ type, value }))
  const [unwrap, cmac, room] = [{ mechanism: kwp }, { mechanism: CKM.AES_CMAC }, Buffer.alloc(16)]
  const [wrappingKey, open] = [number8(kek), number8(key)]
  const fourMacs = (by: Number8) => {
    for (let count = 0; count < 4; count++) {
      pkcs11.C_SignInit(session, cmac, by)
      pkcs11.C_Sign(session, block, room)
    }
  }
  return {
    'pkcs11js: cached': () => {
      fourMacs(open)
    },
    'pkcs11js: uncached': () => {
      const opened = pkcs11.C_UnwrapKey(session, unwrap, wrappingKey, blob, attributes)
      fourMacs(opened)
      pkcs11.C_DestroyObject(session, opened)
    },
  }
}

function number8(value: number): Number8 {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

const rounds = 15
const turns = 5
const turnMs = 20

/**
 * Microseconds of CPU each takes, measured in turns: what else the machine does then, it does to all of them. The median of
 * some rounds, each long enough to have its share of the garbage.
 */
export async function inTurns(works: Readonly<Record<string, Work>>): Promise<ReadonlyMap<string, number>> {
  const measured = Object.entries(works).map(([name, work]) => ({ name, work, each: [] as number[] }))
  for (let round = 0; round < rounds; round++) {
    const spent = measured.map((one) => ({ ...one, micros: 0, count: 0 }))
    for (let turn = 0; turn < turns; turn++) {
      for (const one of spent) {
        const [before, until] = [process.cpuUsage(), performance.now() + turnMs]
        while (performance.now() < until) {
          await one.work()
          one.count += 1
        }
        const { user, system } = process.cpuUsage(before)
        one.micros += user + system
      }
    }
    for (const { each, micros, count } of spent) each.push(micros / count)
  }
  return new Map(measured.map(({ name, each }) => [name, each.sort((a, b) => a - b)[rounds >> 1] ?? 0]))
}
