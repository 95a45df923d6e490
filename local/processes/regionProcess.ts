import { fork, type ChildProcess, type Serializable } from 'node:child_process'
import { createBirpc, type BirpcReturn } from 'birpc'
import { grownMs } from '../../lib/backOff.ts'
import type { Logger } from '../../lib/ports.ts'
import { besides } from '../besides.ts'
import type { RegionHost } from '../region/regionHost.ts'
import type { CloudServices, Opening, RegionCommands } from './protocol.ts'
import { regionEnvironment } from './regionThreads.ts'

const main = besides('regionMain', import.meta.url)
const restarts = { firstMs: 100, maxMs: 5_000 } as const
/** A process that takes longer to end than this is killed. */
const endMs = 10_000

type Commands = BirpcReturn<RegionCommands, CloudServices>

export interface RegionProcessOptions {
  readonly name: string
  readonly services: CloudServices
  readonly log: Logger
  /** Brings a process up that has taken the place of one that died. */
  readonly restarted: () => Promise<void>
}

/** A region's process and, when that dies, the next one. */
export class RegionProcess {
  /** What can be asked of whichever process it is at present. @throws while there is none. */
  readonly commands: RegionCommands & RegionHost
  readonly #options: RegionProcessOptions
  #child: ChildProcess | undefined
  #rpc: Commands | undefined
  #isOpen = false
  #isEnding = false
  #isReplaced = false
  /** Whether a death is answered with a restart: not before the cloud is up. */
  #isKept = false
  #timer: NodeJS.Timeout | undefined
  /** How often it has ended since it was last up. */
  #ends = 0

  constructor(options: RegionProcessOptions) {
    this.#options = options
    const ask = (method: string) => (method === 'name' ? options.name : this.#command(method))
    // INVARIANT: birpc answers every method of RegionCommands; `name` is the only member that is none.
    this.commands = new Proxy({}, { get: (_, method) => ask(String(method)) }) as RegionCommands & RegionHost
  }

  start(): void {
    const { name, services } = this.#options
    const child = fork(main, [name], {
      env: regionEnvironment(process.env),
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.#child = child
    const rpc = createBirpc<RegionCommands, CloudServices>(services, {
      post: (message: Serializable) => {
        // One that is gone takes nothing; whoever waits hears it by the end of the process.
        if (child.connected) child.send(message, () => undefined)
      },
      on: (take) => child.on('message', take),
      timeout: -1,
    })
    this.#rpc = rpc
    child.once('error', (cause) => {
      this.#options.log.error('A process of a region cannot be started.', cause, { region: name })
    })
    child.once('exit', (code, signal) => {
      this.#ended(rpc, String(signal ?? code))
    })
  }

  /** From now on whatever ends is started again. */
  keep(): void {
    this.#isKept = true
    if (this.#child?.exitCode !== null || this.#child.signalCode !== null) this.#restartLater()
  }

  /** @throws UserError, or what else keeps the region from being opened. */
  async open(opening: Opening): Promise<void> {
    await this.commands.open(opening)
    this.#isOpen = true
  }

  /** Whether its region can be asked anything at present. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  kill(): void {
    this.#child?.kill('SIGKILL')
  }

  /** Asks the process to end by itself: nothing starts it again. */
  ending(): void {
    this.#isEnding = true
    clearTimeout(this.#timer)
  }

  /** Resolves when the process is gone; it is killed where it takes too long. */
  async end(): Promise<void> {
    this.ending()
    await this.#close()
  }

  /** Lets its requests finish and starts another, as after a death: for what a process is told only when it is opened. */
  async replace(): Promise<void> {
    if (!this.#isOpen || this.#isReplaced) throw new Error(`${this.#options.name} is being started; try again.`)
    this.#isReplaced = true
    try {
      await this.commands.stop().catch(() => undefined)
      await this.#close()
    } finally {
      this.#isReplaced = false
    }
    if (!this.#isEnding) await this.#restart()
  }

  async #close(): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    const timer = setTimeout(() => child.kill('SIGKILL'), endMs)
    this.commands.close().catch(() => child.kill('SIGKILL'))
    await gone
    clearTimeout(timer)
  }

  #command(method: string): unknown {
    return (...args: readonly unknown[]) => {
      const rpc = this.#rpc
      if (rpc === undefined || rpc.$closed) return Promise.reject(new Error(`${this.#options.name} is not running.`))
      return (rpc.$call as (name: string, ...rest: readonly unknown[]) => Promise<unknown>)(method, ...args)
    }
  }

  #ended(rpc: Commands, how: string): void {
    this.#isOpen = false
    rpc.$close(new Error(`The process of ${this.#options.name} ended (${how}).`))
    if (this.#isEnding || !this.#isKept || this.#isReplaced) return
    this.#options.log.error('The process of a region ended; it is started again.', how, { region: this.#options.name })
    this.#restartLater()
  }

  #restartLater(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(
      () => {
        void this.#restart()
      },
      grownMs(restarts, ++this.#ends),
    )
  }

  async #restart(): Promise<void> {
    try {
      this.start()
      await this.#options.restarted()
      this.#ends = 0
    } catch (cause) {
      // One that ended meanwhile has been told of, and is started again.
      if (this.#isEnding || this.#rpc?.$closed === true) return
      this.#options.log.error('A region could not be started again yet.', cause, { region: this.#options.name })
      // Its end leads here again; one that failed and lives on would hold the files.
      this.kill()
    }
  }
}
