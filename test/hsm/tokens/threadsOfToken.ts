import { deepEqual, equal } from 'node:assert/strict'
import { once } from 'node:events'
import { renameSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { isKmsError } from '../../../lib/errors.ts'
import type { VaultKeys, WrappedKey, WrappedVaultKeys } from '../../../lib/hsm/hsm.ts'
import { initToken } from '../../../lib/hsm/pkcs11/ceremony/initToken.ts'
import { CKR } from '../../../lib/hsm/pkcs11/library/constants.ts'
import { OpenSessions } from '../../../lib/hsm/pkcs11/library/openSessions.ts'
import { openPkcs11Hsm, type Pkcs11Hsm } from '../../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import type { CopiedTokenHsm } from '../../../lib/hsm/pkcs11/roots/pkcs11HsmOptions.ts'
import { Pkcs11Module, type SharedLibrary } from '../../../lib/hsm/pkcs11/library/pkcs11Module.ts'
import { until } from '../../harness/until.ts'
import { aMaterial, aVault, ecdsaShapes, realm } from '../contract/fixtures.ts'
import { troubled } from './slowToken.ts'

/**
 * A process whose threads use one token at once, while the first of them starts the library anew, loses sessions and ends
 * threads in the middle of their calls. Whatever fails fails with `unavailable`, and no process crashes.
 */
interface Start {
  readonly path: string
  readonly label: string
  readonly of: CopiedTokenHsm
  readonly library: SharedLibrary
  readonly wrapped: WrappedVaultKeys
  readonly aesKey: WrappedKey
  readonly ecKey: WrappedKey
  /** How many rounds were good, were refused, and how many logins were tried with which PIN. */
  readonly counts: Int32Array
}

const [good, refused, logins, wrongLogins, isOver] = [0, 1, 2, 3, 4]
const message = Buffer.from('through all of it')
const pin = 'the service’s'
const aes = aMaterial()
const ec = aMaterial({ shape: ecdsaShapes.NIST_P256, materialId: 'ab'.repeat(16) })
const region = 'eu-test-1'

/** With the logins counted, and a PIN that the test can make wrong. */
function tokenOf(module: Pkcs11Module, label: string, counts: Int32Array, known: Int32Array) {
  const isWrong = () => Atomics.load(counts, isOver) === 2
  const counted = troubled(module, {
    code: (name) => {
      if (name === 'C_Login') Atomics.add(counts, isWrong() ? wrongLogins : logins, 1)
      return undefined
    },
  })
  return {
    module: counted,
    label,
    pin: () => (isWrong() ? 'not the PIN' : pin),
    refusedPins: {
      isKnown: () => isWrong() && Atomics.load(known, 0) === 1,
      note: () => {
        Atomics.store(known, 0, 1)
      },
    },
  }
}

async function round(vault: VaultKeys, { aesKey, ecKey }: Pick<Start, 'aesKey' | 'ecKey'>): Promise<void> {
  await vault.use(aes, aesKey, async (key) => {
    const ciphertext = await key.encrypt('AES_256_GCM', message, {})
    deepEqual(await key.decrypt('AES_256_GCM', ciphertext, {}), message)
  })
  await vault.use(ec, ecKey, async (key) => {
    const signature = await key.sign('ECDSA_SHA_256', 'RAW', message)
    equal(await key.verify('ECDSA_SHA_256', 'RAW', message, signature), true)
  })
}

async function inThread({ path, label, of, library, wrapped, counts, known, ...keys }: Start & { known: Int32Array }) {
  const token = tokenOf(Pkcs11Module.inThread(path, library), label, counts, known)
  const hsm = openPkcs11Hsm({ realm, region, token, copy: { of, beforeOpening: () => undefined } })
  // As in a service: what waits for another thread keeps no thread alive.
  const stays = setInterval(() => undefined, 1_000)
  parentPort?.postMessage('begun')
  while (Atomics.load(counts, isOver) !== 1) {
    try {
      await Promise.all(Array.from({ length: 4 }, () => round(hsm.openVault(aVault(), wrapped), keys)))
      Atomics.add(counts, good, 1)
    } catch (cause) {
      if (!isKmsError(cause, 'unavailable')) throw cause
      Atomics.add(counts, refused, 1)
      await setTimeout(5)
    }
  }
  clearInterval(stays)
  hsm.close()
}

const tokens = join(dirname(process.env['SOFTHSM2_CONF'] ?? ''), 'tokens')

/** As a region does that does not find its token. */
function isStartedAnew(module: Pkcs11Module): boolean {
  try {
    return module.restart()
  } catch {
    // It does not start while the place is away.
    return true
  }
}

async function inMain(): Promise<void> {
  const path = process.argv[2] ?? ''
  const label = 'threads'
  const module = Pkcs11Module.load(path, process.argv[3])
  initToken({ module, label, soPin: 'the officer’s', pin })
  const shared = (words: number) => new Int32Array(new SharedArrayBuffer(4 * words))
  const [counts, known] = [shared(5), shared(1)]
  const hsm: Pkcs11Hsm = openPkcs11Hsm({ realm, region, token: tokenOf(module, label, counts, known) })
  const wrapped = await hsm.createVaultKeys(aVault())
  const vault = hsm.openVault(aVault(), wrapped)
  const [aesKey, ecKey] = [await vault.generate(aes), await vault.generate(ec)]
  const started = async (thread: number) => {
    const library = module.forThread(thread)
    const start = { path, label, of: hsm.copied(), library, wrapped, aesKey, ecKey, counts, known }
    const worker = new Worker(import.meta.filename, { workerData: start })
    worker.once('error', (cause) => {
      console.error(cause)
      process.exit(1)
    })
    const ended = once(worker, 'exit').then(() => {
      const open = new OpenSessions(library.sessions, () => module.restarts).all()
      module.ended(library)
      // Whatever it had open is closed.
      for (const session of open) {
        equal(module.code('C_GetSessionInfo', session, Buffer.alloc(32)), CKR.SESSION_HANDLE_INVALID)
      }
    })
    await once(worker, 'message')
    return { worker, ended }
  }
  const roundsOf = () => Atomics.load(counts, good)
  /** What has been got through so far, should it hang: `run` ends it then and shows what it has said. */
  const passed = (what: string) => {
    console.log(`${what}; ${[...counts].join(' ')}`)
  }
  const goesOn = (isTrue: () => boolean) => until(isTrue, () => [...counts], 2)
  const more = async (rounds = 20) => {
    const enough = roundsOf() + rounds
    await goesOn(() => {
      hsm.isAnswering()
      return roundsOf() >= enough
    })
  }
  const threads = await Promise.all([1, 2, 3].map(started))
  await more()
  equal(Atomics.load(counts, logins), 1)
  const startsAnew = () => goesOn(() => module.restart())
  passed('logged in once')
  for (let time = 0; time < 20; time += 1) {
    await startsAnew()
    await more(3)
    await round(hsm.openVault(aVault(), wrapped), { aesKey, ecKey }).catch((cause: unknown) => {
      if (!isKmsError(cause, 'unavailable')) throw cause
    })
  }
  passed('started anew')
  // Its place goes away and comes back; where each token is named with its place it does not.
  const places = module.vendor.labelsByArguments ? 0 : 3
  for (let time = 0; time < places; time += 1) {
    renameSync(tokens, `${tokens}.away`)
    try {
      await goesOn(() => isStartedAnew(module))
      const before = Atomics.load(counts, refused)
      await goesOn(() => {
        equal(hsm.isAnswering(), false)
        return Atomics.load(counts, refused) >= before + 20
      })
    } finally {
      renameSync(`${tokens}.away`, tokens)
    }
    await more(10)
  }
  passed('its place was away')
  for (let time = 0; time < 6; time += 1) {
    const at = time % threads.length
    await threads[at]?.worker.terminate()
    await threads[at]?.ended
    threads[at] = await started(at + 1)
    await more(3)
    await startsAnew()
    await more(3)
  }
  passed('threads were ended')
  // A wrong PIN, and nobody is logged in: one of all threads tries it, once.
  Atomics.store(counts, isOver, 2)
  await startsAnew()
  const before = Atomics.load(counts, refused)
  await goesOn(() => {
    hsm.isAnswering()
    return Atomics.load(counts, refused) >= before + 200
  })
  equal(Atomics.load(counts, wrongLogins), 1)
  Atomics.store(counts, isOver, 0)
  await more()
  Atomics.store(counts, isOver, 1)
  passed('the PIN was wrong')
  await Promise.all(threads.map(({ ended }) => ended))
  console.log(`good ${roundsOf()}, refused ${Atomics.load(counts, refused)}, started anew ${module.restarts}`)
}

if (isMainThread) await inMain()
else await inThread(workerData as Start & { known: Int32Array })
