import { fork } from 'node:child_process'
import { once, type EventEmitter } from 'node:events'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Pkcs11Hsm } from '../lib/hsm/pkcs11/pkcs11Hsm.ts'
import type { Pkcs11Module } from '../lib/hsm/pkcs11/library/pkcs11Module.ts'
import { context, materialOf, shapes } from './hsmWork.ts'
import type { CallerCount, CallerStart } from './tokenCaller.ts'
import type { TokenLibrary } from './tokenLibraries.ts'

interface Caller {
  readonly emitter: EventEmitter
  readonly begin: () => void
  readonly ended: Promise<unknown>
}

const file = join(import.meta.dirname, 'tokenCaller.ts')

/**
 * Encryptions by several callers at once, the key opened for each: threads of one process, as a service's workers are, and
 * processes. Resolves with what they make a second where each has a core to itself, reckoned from what each took of one: by the
 * clock other work of the machine shares it. How often they waited says whether they hold each other up.
 */
export async function benchCallers(
  library: TokenLibrary,
  module: Pkcs11Module,
  hsm: Pkcs11Hsm,
): Promise<Readonly<Record<string, number>>> {
  const wrapped = await hsm.createVaultKeys(context)
  const aesKey = await hsm.openVault(context, wrapped).generate(materialOf(shapes.AES))
  const start = { library, wrapped, aesKey }
  const ways = {
    'one thread': [inThread(module, hsm, start, 1)],
    'two threads of one process': [inThread(module, hsm, start, 2), inThread(module, hsm, start, 3)],
    'two processes': [inProcess(start), inProcess(start)],
  } satisfies Record<string, readonly (() => Caller)[]>
  const rates: Record<string, number> = {}
  for (const [how, callers] of Object.entries(ways)) rates[how] = await measured(library.name, how, callers)
  return rates
}

async function measured(name: string, how: string, begun: readonly (() => Caller)[]): Promise<number> {
  const callers = begun.map((begin) => begin())
  await Promise.all(callers.map(heard))
  const counts = (await Promise.all(
    callers.map((caller) => {
      caller.begin()
      return heard(caller)
    }),
  )) as readonly CallerCount[]
  await Promise.all(callers.map(({ ended }) => ended))
  const sum = (of: (one: CallerCount) => number) => counts.reduce((all, one) => all + of(one), 0)
  const [count, cpuMs] = [sum((one) => one.count), sum((one) => one.cpuMs)]
  const perSecond = sum((one) => (one.count / one.ms) * 1_000)
  const waits = counts.every((one) => one.waits !== undefined)
    ? `, waited ${Math.round((1_000 * sum((one) => one.waits ?? 0)) / count)} times in 1,000`
    : ''
  const share = Math.round((100 * cpuMs) / sum((one) => one.ms))
  console.log(
    `  ${`${name} AES encrypt, uncached, ${how}`.padEnd(62)} ${Math.round(perSecond).toLocaleString('en').padStart(10)}` +
      ` (${((cpuMs * 1_000) / count).toFixed(1)} µs of CPU each, computing ${share} % of the time${waits}; load ${(loadavg()[0] ?? 0).toFixed(1)})`,
  )
  return sum((one) => (one.count / one.cpuMs) * 1_000)
}

async function heard({ emitter, ended }: Caller): Promise<unknown> {
  const lost = ended.then(() => {
    throw new Error('A caller has ended before it said what it counted.')
  })
  const [said] = (await Promise.race([once(emitter, 'message'), lost])) as readonly unknown[]
  return said
}

function inThread(module: Pkcs11Module, hsm: Pkcs11Hsm, start: CallerStart, thread: number): () => Caller {
  return () => {
    const library = module.forThread(thread)
    const worker = new Worker(file, { workerData: { ...start, inThread: { of: hsm.copied(), library } } })
    const ended = once(worker, 'exit').then(() => {
      module.ended(library)
    })
    return {
      emitter: worker,
      begin: () => {
        worker.postMessage('begin')
      },
      ended,
    }
  }
}

function inProcess(start: CallerStart): () => Caller {
  return () => {
    const child = fork(file, { serialization: 'advanced' })
    child.send(start)
    return { emitter: child, begin: () => child.send('begin'), ended: once(child, 'exit') }
  }
}
