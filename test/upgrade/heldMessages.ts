import type { Body } from '../../lib/replication/messages/signedMessage.ts'
import type { QueueMessage, QueueName } from '../../lib/ports.ts'
import type { Region } from '../../local/region/region.ts'
import type { KeptMessage } from './release.ts'

export interface HeldMessages {
  readonly kept: () => readonly KeptMessage[]
  /** From now on messages of this kind, of this vault where one is named, do not arrive; their senders do not know. */
  readonly hold: (kind: Body['kind'], vaultId?: string) => void
}

/** Stands between the regions and keeps of each kind the last message that is held back, or else the last that arrives. */
export function holdMessages(regions: readonly Region[]): HeldMessages {
  const kept = new Map<string, KeptMessage>()
  const held: { kind: Body['kind']; vaultId: string | undefined }[] = []
  for (const { name: to, store } of regions) {
    const send = store.queues.send.bind(store.queues)
    Object.assign(store.queues, {
      send: async (queue: QueueName, messages: readonly QueueMessage[]) => {
        const passing = messages.filter(({ body }) => {
          const said = bodyOf(body)
          if (said === undefined) return true
          const vaultId = 'vaultId' in said ? said.vaultId : undefined
          const isHeldBack = held.some(
            (each) => each.kind === said.kind && (each.vaultId === undefined || each.vaultId === vaultId),
          )
          if (said.kind !== 'compare' && said.kind !== 'compared' && said.kind !== 'auditHeads')
            kept.set(`${said.kind} ${isHeldBack}`, { kind: said.kind, to, queue, body, isHeldBack })
          return !isHeldBack
        })
        if (passing.length > 0) await send(queue, passing)
      },
    })
  }
  return {
    kept: () => [...kept.values()].filter(({ kind, isHeldBack }) => isHeldBack || !kept.has(`${kind} true`)),
    hold: (kind, vaultId) => held.push({ kind, vaultId }),
  }
}

/** Undefined for a task, which a region leaves for itself. */
function bodyOf(text: string): Body | undefined {
  const { body } = JSON.parse(text) as { readonly body?: string }
  return body === undefined ? undefined : (JSON.parse(body) as Body)
}
