import { spawn, type ChildProcess } from 'node:child_process'

export interface ProgramOptions {
  readonly cwd?: string
  readonly env: NodeJS.ProcessEnv
  /** Each line that it prints. */
  readonly onLine?: (line: string) => void
}

/** A program in a process group of its own, so that a Ctrl-C ends it by `stop` and not in the midst of work. */
export class StartedProgram {
  readonly #child: ChildProcess
  readonly #leave: () => void
  #lastWords = ''

  constructor(command: string, parameters: readonly string[], { onLine, ...options }: ProgramOptions) {
    this.#child = spawn(command, parameters, { ...options, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    // A program that cannot be started has an exit of its own kind.
    this.#child.once('error', (cause) => (this.#lastWords += cause.message))
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      let rest = ''
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#lastWords = (this.#lastWords + text).slice(-4000)
        const lines = (rest + text).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) onLine?.(line)
      })
    }
    // Not SIGKILL: what it has started in groups of its own it must end itself.
    this.#leave = () => {
      this.#signal('SIGTERM')
    }
    process.once('exit', this.#leave)
  }

  get #hasEnded(): boolean {
    const { pid, exitCode, signalCode } = this.#child
    return pid === undefined || exitCode !== null || signalCode !== null
  }

  /** Resolves when it answers at the URL as it should. @throws Error with the program's last words. */
  async answersAt(url: string, withinMs: number, isReady = (answer: Response) => answer.ok): Promise<void> {
    const until = Date.now() + withinMs
    while (!this.#hasEnded && Date.now() < until) {
      try {
        if (isReady(await fetch(url))) return
      } catch {
        // Not yet.
      }
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    throw new Error(`It did not start. Its last words: ${this.#lastWords}`)
  }

  async stop(): Promise<void> {
    process.off('exit', this.#leave)
    if (this.#hasEnded) return
    const exited = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#signal('SIGTERM')
    const timer = setTimeout(() => {
      this.#signal('SIGKILL')
    }, 8000)
    await exited
    clearTimeout(timer)
    this.#signal('SIGKILL')
  }

  /** To the whole group; what has ended already needs none. */
  #signal(name: 'SIGTERM' | 'SIGKILL'): void {
    if (this.#child.pid === undefined) return
    try {
      process.kill(-this.#child.pid, name)
    } catch {
      // No such process.
    }
  }
}
