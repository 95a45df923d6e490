import { CKF } from '../library/constants.ts'
import { readUlong, ulong } from '../library/encode.ts'
import { turnMs } from '../library/loopTurn.ts'
import type { TokenOptions } from '../roots/tokenOptions.ts'
import type { LoopGuard } from './loopGuard.ts'
import { retrySeconds } from './lostToken.ts'
import type { WorkUnderWay } from './workUnderWay.ts'

/** Of a session that is opened off the loop, after which connecting is fast again: that takes some dozen calls. */
const fastMs = turnMs / 8

/**
 * When a token is connected to: a second after the last attempt was over, and in the event loop, unless that has held it up. Then a
 * session is opened off the loop first, and nobody waits for it.
 */
export class Attempts {
  readonly #options: TokenOptions
  readonly #loop: LoopGuard
  readonly #underWay: WorkUnderWay
  #notBefore = 0
  #isSlow = false
  #isTrying = false

  constructor(options: TokenOptions, loop: LoopGuard, underWay: WorkUnderWay) {
    this.#options = options
    this.#loop = loop
    this.#underWay = underWay
  }

  /** What has kept it from being connected to is over. */
  mayBeAtOnce(): void {
    this.#notBefore = 0
  }

  /** Whether it is to be connected to now. */
  isDue(): boolean {
    if (this.#isTrying || this.#now() < this.#notBefore || this.#loop.isResting()) return false
    if (this.#isSlow) void this.#try()
    return !this.#isSlow
  }

  make<R>(connect: () => R): R {
    const { module } = this.#options
    const began = module.now()
    try {
      // By itself, whatever has come upon it.
      return module.turn.uncounted(() => this.#loop.piece(connect))
    } finally {
      this.#isSlow = module.now() - began >= turnMs
      this.#pause()
    }
  }

  async #try(): Promise<void> {
    const { module } = this.#options
    this.#isTrying = true
    const began = module.now()
    try {
      await this.#underWay.bounded((timed) => module.gate.holdLong(() => timed(() => this.#open())))
    } catch {
      // Whoever connects afterwards is told what is the matter, if that does not take long.
    } finally {
      this.#isTrying = false
      this.#isSlow = module.now() - began >= fastMs
      if (this.#isSlow) this.#pause()
    }
  }

  async #open(): Promise<void> {
    const { module, label } = this.#options
    const slot = module.slotOf(label)
    if (slot === undefined) return
    const handle = ulong(0)
    await module.callOnThread('C_OpenSession', slot, CKF.SERIAL_SESSION | CKF.RW_SESSION, null, null, handle)
    await module.callOnThread('C_CloseSession', readUlong(handle))
  }

  #pause(): void {
    this.#notBefore = this.#now() + retrySeconds * 1000
  }

  #now(): number {
    return (this.#options.now ?? Date.now)()
  }
}
