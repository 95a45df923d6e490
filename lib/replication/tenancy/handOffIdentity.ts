import type { IdentityHandOff } from '../../kms/kmsPorts.ts'
import type { ReplicationPorts } from '../replicationPorts.ts'
import { withinBudget } from '../withinBudget.ts'
import { sendIdentity } from './replicateIdentity.ts'

type HandOffPorts = Pick<
  ReplicationPorts,
  'tables' | 'queues' | 'hsm' | 'clock' | 'timers' | 'region' | 'regions' | 'log'
>

interface HandOffOptions {
  readonly isStrict: boolean
  /** How long an answer may wait for the other regions' inboxes. */
  readonly budgetMs: number
}

/**
 * Rule 4 for identity: a change is in every other region's inbox before it is answered, so that a revocation does not
 * wait for the stream. What a region lacks before it goes along, because entries apply in their order.
 */
export function createIdentityHandOff(ports: HandOffPorts, { isStrict, budgetMs }: HandOffOptions): IdentityHandOff {
  const sendTo = async (tenancyId: string, peer: string): Promise<boolean> => {
    try {
      await withinBudget(ports.timers, sendIdentity(ports, tenancyId, peer), budgetMs, peer)
      return true
    } catch (cause) {
      // The stream leaves it in the outbox.
      ports.log.warn('A change of identity could not be handed off.', { peer, cause: String(cause) })
      return false
    }
  }
  return {
    isStrict,
    send: async (tenancyId) => {
      const peers = ports.regions.filter((peer) => peer !== ports.region)
      const unreached = await Promise.all(peers.map(async (peer) => ((await sendTo(tenancyId, peer)) ? [] : [peer])))
      return unreached.flat()
    },
  }
}
