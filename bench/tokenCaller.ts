import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import type { WrappedKey, WrappedVaultKeys } from '../lib/hsm/hsm.ts'
import type { CopiedTokenHsm } from '../lib/hsm/pkcs11/roots/pkcs11HsmOptions.ts'
import { openPkcs11Hsm } from '../lib/hsm/pkcs11/pkcs11Hsm.ts'
import { Pkcs11Module, type SharedLibrary } from '../lib/hsm/pkcs11/library/pkcs11Module.ts'
import { context, materialOf, shapes, used } from './hsmWork.ts'
import { label, pin, type TokenLibrary } from './tokenLibraries.ts'

/** What one of several callers is given: a process of its own the library, a thread also what its process has of the token. */
export interface CallerStart {
  readonly library: TokenLibrary
  readonly wrapped: WrappedVaultKeys
  readonly aesKey: WrappedKey
  readonly inThread?: { readonly of: CopiedTokenHsm; readonly library: SharedLibrary }
}

export interface CallerCount {
  readonly count: number
  readonly ms: number
  /** Of the thread that calls. */
  readonly cpuMs: number
  /** How often that thread waited, for a lock as a rule; undefined where the system does not say. */
  readonly waits: number | undefined
}

const warmUp = 3_000
const measuredMs = 2_000

const start: unknown = isMainThread ? (await told())[0] : workerData
await run(start as CallerStart)

function told(): Promise<readonly unknown[]> {
  return parentPort === null ? once(process, 'message') : once(parentPort, 'message')
}

function tell(said: unknown): void {
  if (isMainThread) process.send?.(said)
  else parentPort?.postMessage(said)
}

/** Opens the key for each encryption, until the time is over, from when it is told to begin. */
async function run({ library, wrapped, aesKey, inThread }: CallerStart): Promise<void> {
  const { path, initArguments } = library
  const module =
    inThread === undefined ? Pkcs11Module.load(path, initArguments) : Pkcs11Module.inThread(path, inThread.library)
  const hsm = openPkcs11Hsm({
    region: 'r',
    realm: 'oc1',
    handleCapacity: 0,
    token: { module, label, pin: () => pin },
    ...(inThread === undefined ? {} : { copy: { of: inThread.of, beforeOpening: () => undefined } }),
  })
  const vault = hsm.openVault(context, wrapped)
  const material = materialOf(shapes.AES)
  const encrypts = () => used(vault, material, aesKey)
  for (let count = 0; count < warmUp; count += 1) await encrypts()
  const begin = told()
  tell('ready')
  await begin
  const [began, cpu, waited] = [performance.now(), process.threadCpuUsage(), waitsOfThread()]
  let count = 0
  for (; performance.now() < began + measuredMs; count += 1) await encrypts()
  const { user, system } = process.threadCpuUsage(cpu)
  const took = performance.now() - began
  const waits = waited === undefined ? undefined : (waitsOfThread() ?? 0) - waited
  tell({ count, ms: took, cpuMs: (user + system) / 1_000, waits } satisfies CallerCount)
  hsm.close()
  if (isMainThread) process.disconnect()
}

/** Linux counts how often a thread gave its core up by itself. */
function waitsOfThread(): number | undefined {
  const file = '/proc/thread-self/status'
  if (!existsSync(file)) return undefined
  return Number(/^voluntary_ctxt_switches:\s*(\d+)$/m.exec(readFileSync(file, 'utf8'))?.[1])
}
