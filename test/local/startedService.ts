import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { noHurryVariables } from '../harness/noHurry.ts'

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

export function startProcess(
  script: string,
  args: readonly string[],
  environment: object = {},
  ownGroup = false,
): StartedProcess {
  return startProgram(process.execPath, [join(root, script), ...args], environment, ownGroup)
}

/** `ownGroup`: it leads a process group of its own, which `killAll` needs. */
export function startProgram(
  program: string,
  args: readonly string[],
  environment: object = {},
  ownGroup = false,
): StartedProcess {
  const env = { ...process.env, NODE_OPTIONS: '', ...noHurryVariables, ...environment }
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env, cwd: root, detached: ownGroup })
  const said = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (part: string) => (said.out += part))
  child.stderr.setEncoding('utf8').on('data', (part: string) => (said.err += part))
  const exited = new Promise<number | string>((resolve) => {
    child.once('close', (code, signal) => {
      resolve(code ?? signal ?? 'unknown')
    })
  })
  const hasSaid = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (said.out.includes(text)) resolve()
      }
      child.stdout.on('data', look)
      look()
      void exited.then((code) => {
        reject(new Error(`It ended with ${code} before it said "${text}": ${said.err}`))
      })
    })
  const killAll = () => {
    const { pid } = child
    if (!ownGroup || pid === undefined) throw new Error('It leads no process group.')
    try {
      process.kill(-pid, 'SIGKILL')
    } catch (cause) {
      // Nobody of the group is left.
      if ((cause as NodeJS.ErrnoException).code !== 'ESRCH') throw cause
    }
  }
  return { pid: child.pid, said, hasSaid, signal: (name) => child.kill(name), killAll, exited }
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
export async function run(
  script: string,
  args: readonly string[],
  environment: object = {},
): Promise<{ code: number | string; out: string; err: string }> {
  const { said, exited } = startProcess(script, args, environment)
  const code = await exited
  return { code, ...said }
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
