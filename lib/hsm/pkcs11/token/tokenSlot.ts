import { UserError } from '../../../userError.ts'
import type { TokenOptions } from '../roots/tokenOptions.ts'
import { retrySeconds } from './lostToken.ts'

/** Where the library shows one token. */
export class TokenSlot {
  readonly #options: TokenOptions
  #noRestartBefore = 0

  constructor(options: TokenOptions) {
    this.#options = options
  }

  /** Where it is not seen the library is started anew, which costs every other token its sessions: not for each attempt. */
  use<R>(work: (slot: number) => R): R {
    const { module, label, remedy = () => 'Make it with hsm init.' } = this.#options
    const inIt = () =>
      module.gate.hold(() => {
        const slot = module.slotOf(label)
        // Nobody starts it anew between this look and what is said of it.
        if (slot === undefined) module.gate.miss(label)
        return slot === undefined ? undefined : { answer: work(slot) }
      })
    module.requireUp()
    let done = inIt()
    if (done === undefined && this.#startAnew()) done = inIt()
    if (done !== undefined) return done.answer
    throw new UserError(`No token in ${module.path} has the label ${label}. ${remedy()}`)
  }

  /** For a thread that misses it, as often as for this one, in the one that starts the library anew. */
  showOthers(): void {
    if (this.#options.module.gate.isMissed(this.#options.label)) this.#startAnew(retrySeconds)
  }

  /** `triedSeconds`: how long nothing is tried after it was not to be done, for each try stops this thread for a while. */
  #startAnew(triedSeconds = 0): boolean {
    const { module, restartSeconds = 0, now = Date.now } = this.#options
    const at = now()
    if (at < this.#noRestartBefore) return false
    const isDone = module.restart()
    this.#noRestartBefore = at + Math.max(triedSeconds, isDone ? restartSeconds : 0) * 1000
    return isDone
  }
}
