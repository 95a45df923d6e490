import { join } from 'node:path'
import { resolveToLoopback } from '../../local/resolveToLoopback.ts'
import { freeBase } from './freePorts.ts'
import { run, startProcess, withDirectory, type StartedProcess } from './startedService.ts'

/** Two machines' worth of processes: each region alone at an address of its own, over mutual TLS with pinned certificates. */

export const [home, other, third] = ['us-ashburn-1', 'us-phoenix-1', 'eu-frankfurt-1'] as const
export type Name = typeof home | typeof other | typeof third
export const address = { [home]: '127.0.0.2', [other]: '127.0.0.3', [third]: '127.0.0.4' } as const

/** Names of both regions lead to their addresses, for this process. Returns what takes it back. */
export function resolveMachines(): () => void {
  const forget = [home, other, third].map((name) => resolveToLoopback(`.${name}.localhost`, address[name]))
  return () => {
    for (const each of forget) each()
  }
}

/** A command below `vaultspan region`. */
const region = (...args: readonly string[]) => run('local/main.ts', ['region', ...args])

export async function done(...args: readonly string[]): Promise<string> {
  const { code, out, err } = await region(...args)
  expect({ code, err }).toEqual({ code: 0, err: '' })
  return out
}

/** One line, and exit code 1. */
export async function refused(...args: readonly string[]): Promise<string> {
  const { code, out, err } = await region(...args)
  expect({ code, out }).toEqual({ code: 1, out: '' })
  expect(err).toMatch(/^[^\n]+\n$/)
  return err.trim()
}

export interface Machines {
  readonly directory: string
  readonly port: number
  data(name: Name): string
  file(name: string): string
  /** Makes another region's directory. */
  init(name: Name, ...flags: readonly string[]): Promise<string>
  /** Without threads of its own beside the region's, unless the flags say so: each costs a quarter of a second of a core. */
  start(name: Name, ...flags: readonly string[]): Promise<StartedProcess>
}

/** Both regions made, after `prepare`, not yet trusted. Whatever was started ends with the body. */
export async function withMachines(
  body: (machines: Machines) => Promise<void>,
  prepare: (data: string, name: Name) => Promise<unknown> = async () => undefined,
): Promise<void> {
  await withDirectory(async (directory) => {
    const port = await freeBase()
    const data = (name: string) => join(directory, name)
    const started: StartedProcess[] = []
    const init = (name: Name, ...more: readonly string[]) =>
      done(
        'init',
        '--data',
        data(name),
        '--region',
        name,
        '--address',
        `${address[name]}:${port + 1}`,
        '--host',
        address[name],
        '--port',
        String(port),
        ...more,
      )
    for (const name of [home, other]) await prepare(data(name), name)
    await init(home, '--home')
    await init(other)
    try {
      await body({
        directory,
        port,
        data,
        file: (name) => join(directory, `${name}.json`),
        init,
        start: async (name, ...flags) => {
          const words = ['region', 'start', '--data', data(name), '--workers', '1', ...flags]
          const process = startProcess('local/main.ts', words)
          started.push(process)
          await process.hasSaid('Stop with Ctrl-C.')
          return process
        },
      })
    } finally {
      for (const process of started) process.signal('SIGTERM')
      await Promise.all(started.map(({ exited }) => exited))
    }
  })
}

export const exported = (machines: Machines, name: Name) =>
  done('export', machines.file(name), '--data', machines.data(name))
export const trusts = (machines: Machines, name: Name, file: string) =>
  done('trust', machines.file(file), '--data', machines.data(name))

export async function introduce(machines: Machines): Promise<void> {
  await exported(machines, other)
  await trusts(machines, home, other)
  await exported(machines, home)
  await trusts(machines, other, home)
}
