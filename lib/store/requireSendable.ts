import type { QueueMessage } from '../ports.ts'
import { maxBodyBytes, maxDelaySeconds } from './regionQueues.ts'

/** What every adapter refuses, whatever its queue would accept. @throws RangeError that names the limit. */
export function requireSendable({ body, delaySeconds = 0 }: QueueMessage): void {
  const bytes = Buffer.byteLength(body)
  if (bytes > maxBodyBytes) throw new RangeError(`A message may take ${maxBodyBytes} bytes, not ${bytes}.`)
  if (!body.isWellFormed()) throw new RangeError('A message must be well-formed Unicode.')
  if (!(delaySeconds >= 0 && delaySeconds <= maxDelaySeconds)) {
    throw new RangeError(`A message may wait 0 to ${maxDelaySeconds} seconds, not ${delaySeconds}.`)
  }
}
