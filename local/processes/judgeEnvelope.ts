import type { Hsm } from '../../lib/hsm/hsm.ts'
import { verifyMessage } from '../../lib/replication/messages/signedMessage.ts'
import type { Judge } from './inbox.ts'

/** Takes what a region of a known tenancy has signed for this one. `from`: and whose certificate brings it, where it has one. */
export function judgeEnvelope(hsm: Hsm, from?: string): Judge {
  return async (body) => {
    const { source } = await verifyMessage(hsm, body)
    if (from !== undefined && source !== from) throw new Error(`An envelope of ${source} was brought by ${from}.`)
  }
}
