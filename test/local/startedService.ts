import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { noHurryVariables } from '../harness/noHurry.ts'
import { endsInTime, patienceMs, saidBy, startGroup, type Ran } from '../harness/processGroup.ts'

/** `node local/main.ts` (or another script) in a process of its own, and what it has said so far. */
export interface StartedProcess {
  readonly pid: number | undefined
  readonly said: { out: string; err: string }
  /** Resolves when the text has appeared on stdout. @throws where the process ends before. */
  hasSaid(text: string): Promise<void>
  signal(name: NodeJS.Signals): void
  /** kill -9 for it and for every process that it has started, at once. */
  killAll(): void
  /** The exit code, or the signal that ended it. */
  readonly exited: Promise<number | string>
}

const root = join(import.meta.dirname, '..', '..')

export function startProcess(script: string, args: readonly string[], environment: object = {}): StartedProcess {
  return startProgram(process.execPath, [join(root, script), ...args], environment)
}

export function startProgram(program: string, args: readonly string[], environment: object = {}): StartedProcess {
  const env = { ...process.env, NODE_OPTIONS: '', ...noHurryVariables, ...environment }
  const group = startGroup(program, args, { env, cwd: root })
  const { child, ended: exited, kill: killAll } = group
  const said = saidBy(group)
  const hasSaid = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const timer = setTimeout(killAll, patienceMs)
      const look = () => {
        if (!said.out.includes(text)) return
        clearTimeout(timer)
        resolve()
      }
      child.stdout.on('data', look)
      look()
      void exited.then((code) => {
        clearTimeout(timer)
        reject(new Error(`It ended with ${code} before it said "${text}": ${said.out}${said.err}`))
      })
    })
  const signal = (name: NodeJS.Signals) => {
    child.kill(name)
    endsInTime(group)
  }
  return { pid: child.pid, said, hasSaid, signal, killAll, exited }
}

export function startService(
  directory: string,
  base: number,
  args: readonly string[] = [],
  environment: object = {},
): StartedProcess {
  return startProcess('local/main.ts', ['--data', directory, '--port', String(base), ...args], environment)
}

export async function isReady(service: StartedProcess): Promise<void> {
  await service.hasSaid('Stop with Ctrl-C.')
}

/** Runs a script to its end. */
export async function run(script: string, args: readonly string[], environment: object = {}): Promise<Ran> {
  const started = startProcess(script, args, environment)
  endsInTime({
    ended: started.exited,
    kill: () => {
      started.killAll()
    },
  })
  const code = await started.exited
  return { code, ...started.said }
}

/** Gives the test a directory of its own, and removes it. */
export async function withDirectory(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'vaultspan-local-'))
  try {
    await body(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
