import { resourcesIn } from '../../lib/replication/messages/resourcesIn.ts'
import type { SentMessage, WatchedQueues } from '../../lib/store/regionQueues.ts'

/** More than these are not looked for: whoever asks for one of them gets the rows that stand, as on AWS. */
const maxMessages = 10_000
/** Of those that lay there at the start: the oldest, which are worked first. */
const maxAtStart = 500

/** Hears of each vault and key as often as a record of it arrives, and as often as one is worked. */
export type Told = (kind: 'arrived' | 'worked', ids: readonly string[]) => void

/** The vaults and keys of which a record, and the tenancies of which identity lies in the inbox that no try has come to yet. */
export class UnstoredRecords {
  readonly detach: () => void
  readonly #ofMessage = new Map<string, readonly string[]>()
  readonly #messagesOf = new Map<string, number>()
  readonly #told: Told | undefined

  constructor(queues: Pick<WatchedQueues, 'onSend' | 'contents'>, told?: Told) {
    this.#told = told
    this.detach = queues.onSend((name, sent) => {
      if (name === 'inbox') this.#add(sent)
    })
    this.#add(queues.contents('inbox', maxAtStart))
  }

  /** Each as often as records of it wait. */
  ids(): readonly string[] {
    return [...this.#ofMessage.values()].flat()
  }

  has(ids: readonly string[]): boolean {
    return ids.some((id) => this.#messagesOf.has(id))
  }

  /** Resolves when these are stored, at the latest when nothing is worked any more. */
  async stored(ids: readonly string[], worked: AsyncIterable<undefined>): Promise<void> {
    for await (const _ of worked) if (!this.has(ids)) return
  }

  worked(messages: readonly SentMessage[]): void {
    const gone: string[] = []
    for (const { id } of messages) {
      for (const resource of this.#ofMessage.get(id) ?? []) {
        gone.push(resource)
        const left = (this.#messagesOf.get(resource) ?? 0) - 1
        if (left > 0) this.#messagesOf.set(resource, left)
        else this.#messagesOf.delete(resource)
      }
      this.#ofMessage.delete(id)
    }
    if (gone.length > 0) this.#told?.('worked', gone)
  }

  #add(messages: readonly SentMessage[]): void {
    for (const { id, body } of messages) {
      if (this.#ofMessage.size >= maxMessages) return
      const resources = resourcesIn(body)
      if (resources.length === 0 || this.#ofMessage.has(id)) continue
      this.#ofMessage.set(id, resources)
      this.#told?.('arrived', resources)
      for (const resource of resources) this.#messagesOf.set(resource, (this.#messagesOf.get(resource) ?? 0) + 1)
    }
  }
}
