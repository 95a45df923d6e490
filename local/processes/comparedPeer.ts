import type { QueueMessage, QueueName } from '../../lib/ports.ts'
import type { FoundBehind } from '../../lib/replication/takeBack/foundBehind.ts'
import type { MissingChanges } from '../../lib/replication/takeBack/missingChanges.ts'
import type { PutBackPeer } from '../../lib/replication/takeBack/recover.ts'
import type { CommitMark } from '../../lib/commitMark.ts'
import type { Peer } from '../region/region.ts'
import type { PeerQuestion } from './peerQuestions.ts'
import { PeerRefusal, type PeerTls } from './peerTls.ts'

/** Far longer than an answer between two data centres takes. */
const answerMs = 5_000

export interface ComparedPeerOptions {
  readonly region: string
  readonly name: string
  readonly peer: PeerTls
  /** What of it was missing here when this region was opened. */
  readonly missing: (known: CommitMark) => MissingChanges | undefined
  /** Has it stand, whatever the next start finds. */
  readonly note: (found: FoundBehind) => Promise<void>
  readonly onBehind: (found: FoundBehind) => void
}

/**
 * A region on another machine, to which nothing is sent before it has said how many changes of this region it knows of. One that
 * is not there at the start is asked when it is first sent to: until then it hears nothing, so that what it knows is older than
 * this process. Were this region behind, it would have given out revisions a second time.
 */
export class ComparedPeer implements Peer {
  readonly name: string
  readonly #options: ComparedPeerOptions
  #compared: Promise<FoundBehind | undefined> | undefined

  constructor(options: ComparedPeerOptions) {
    this.name = options.name
    this.#options = options
  }

  /** Resolves with what is found, once for all who ask. @throws where the peer cannot be reached: the next to ask tries again. */
  compare(): Promise<FoundBehind | undefined> {
    this.#compared ??= this.#ask().catch((cause: unknown) => {
      this.#compared = undefined
      throw cause
    })
    return this.#compared
  }

  /** What was missing has been taken back. */
  isSettled(): void {
    this.#compared = Promise.resolve(undefined)
  }

  async send(name: QueueName, messages: readonly QueueMessage[]): Promise<void> {
    const behind = await this.compare()
    if (behind === undefined) return this.#options.peer.send(name, messages)
    this.#options.onBehind(behind)
    throw new Error(`This region is an older copy than what ${behind.peer} knows of it.`)
  }

  /** What it answers while this region is brought up. */
  questions(): PutBackPeer {
    const { peer, name } = this.#options
    // INVARIANT: an answer is what peerQuestions.ts answers to this question.
    const ask = <Q extends PeerQuestion>(question: Q, ...args: Parameters<PutBackPeer[Q]>) =>
      peer.ask(question, args) as ReturnType<PutBackPeer[Q]>
    return {
      name,
      peerMark: (region) => ask('peerMark', region),
      knownMark: (region) => ask('knownMark', region),
      statement: (tenancyId) => ask('statement', tenancyId),
      identityEntries: (tenancyId, after) => ask('identityEntries', tenancyId, after),
      standingVaults: (tenancyId) => ask('standingVaults', tenancyId),
      standingKeys: (vaultId, from) => ask('standingKeys', vaultId, from),
      fenceOf: (vaultId) => ask('fenceOf', vaultId),
      replicateAnew: async (vaultId) => {
        await ask('replicateAnew', vaultId)
      },
    }
  }

  close(): void {
    this.#options.peer.close()
  }

  async #ask(): Promise<FoundBehind | undefined> {
    const { name, missing, note } = this.#options
    const found = missing(await this.#known())
    if (found === undefined) return undefined
    const behind = { peer: name, ...found }
    await note(behind)
    return behind
  }

  async #known(): Promise<CommitMark> {
    const { region, peer } = this.#options
    // One of an older version tells a number, or knows no such question.
    const told =
      (await peer.ask('knownMark', [region], answerMs).catch(orUnknown)) ??
      (await peer.ask('peerMark', [region], answerMs).catch(orUnknown))
    if (typeof told === 'number') return { mark: told }
    // INVARIANT: what peerQuestions.ts answers.
    return (told as CommitMark | undefined) ?? { mark: 0 }
  }
}

function orUnknown(cause: unknown): undefined {
  if (!(cause instanceof PeerRefusal && cause.status === 404)) throw cause
}
