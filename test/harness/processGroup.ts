import { spawn, type ChildProcessByStdio } from 'node:child_process'
import type { Readable } from 'node:stream'

/** A program that a test has started, and everything that this has started in its turn. */
export interface ProcessGroup {
  readonly child: ChildProcessByStdio<null, Readable, Readable>
  /** Code or signal, once nobody writes to its output any more. */
  readonly ended: Promise<number | string>
  /** kill -9 for all of it at once. */
  readonly kill: () => void
}

export interface ProgramOptions {
  readonly env: NodeJS.ProcessEnv
  readonly cwd: string
}

/** Less than a test may take: what takes longer is ended, and the test tells what it has said. */
export const patienceMs = 600_000
/** For programs that are waited for in one call: nothing else ends a test then. */
export const inTime = { timeout: patienceMs, killSignal: 'SIGKILL' } as const

const running = new Map<ProcessGroup, string>()

/**
 * Looks once a second whether the group ($1) is there, its test's process and the command that has started that (the others);
 * without one of those the group ends, and the test's process with it.
 */
const watch = `group=$1; shift
while kill -0 -$group; do
  for each in "$@"; do kill -0 $each || kill -9 -$group $1; done
  sleep 1
done 2>/dev/null`

export function startGroup(program: string, args: readonly string[], options: ProgramOptions): ProcessGroup {
  const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const { pid } = child
  if (pid !== undefined) watchGroup(pid)
  const ended = new Promise<number | string>((resolve) => {
    child.once('error', (cause) => {
      resolve(String(cause))
    })
    child.once('close', (code, signal) => {
      resolve(code ?? signal ?? 'unknown')
    })
  })
  const group = {
    child,
    ended,
    kill: () => {
      if (pid !== undefined) killGroup(pid)
    },
  }
  running.set(group, [program, ...args].join(' '))
  void ended.then(() => running.delete(group))
  return group
}

/** What it says, as it says it. */
export function saidBy({ child }: ProcessGroup): { out: string; err: string } {
  const said = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (part: string) => (said.out += part))
  child.stderr.setEncoding('utf8').on('data', (part: string) => (said.err += part))
  return said
}

/** Ends it where it has not ended in time. */
export function endsInTime({ ended, kill }: Pick<ProcessGroup, 'ended' | 'kill'>): void {
  const timer = setTimeout(kill, patienceMs)
  void ended.then(() => {
    clearTimeout(timer)
  })
}

export interface Ran {
  readonly code: number | string
  readonly out: string
  readonly err: string
}

/** Runs a program to its end. */
export async function ranProgram(program: string, args: readonly string[], options: ProgramOptions): Promise<Ran> {
  const group = startGroup(program, args, options)
  endsInTime(group)
  const said = saidBy(group)
  const code = await group.ended
  return { code, ...said }
}

/** A jest worker outlives the command that has started it, where that is killed. */
function watchGroup(pid: number): void {
  const needed = [process.pid, ...(process.send === undefined ? [] : [process.ppid])]
  const words = ['-c', watch, 'sh', String(pid), ...needed.map(String)]
  spawn('sh', words, { stdio: 'ignore', detached: true })
    .once('error', () => undefined)
    .unref()
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (cause) {
    // Nobody of the group is left.
    if ((cause as NodeJS.ErrnoException).code !== 'ESRCH') throw cause
  }
}

/** Ends what a test has left running, as where its time was over. @throws with what that was. */
export async function endAll(): Promise<void> {
  const left = [...running]
  for (const [{ kill }] of left) kill()
  await Promise.all(left.map(([{ ended }]) => ended))
  if (left.length > 0) throw new Error(`The test left running:\n${left.map(([, words]) => words).join('\n')}`)
}

// Programs use this, too.
if (typeof afterEach === 'function') afterEach(endAll)
