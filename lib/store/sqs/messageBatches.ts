import type { SendMessageBatchRequestEntry } from '@aws-sdk/client-sqs'
import type { QueueMessage } from '../../ports.ts'

export const maxBatchEntries = 10
export const maxBatchBytes = 262_144

/**
 * The messages as batches that SQS takes, in their order.
 * @throws RangeError for a body that SQS cannot carry.
 */
export function messageBatches(
  messages: readonly QueueMessage[],
): readonly (readonly SendMessageBatchRequestEntry[])[] {
  const batches: SendMessageBatchRequestEntry[][] = []
  let bytes = Infinity
  for (const { body, delaySeconds = 0 } of messages) {
    const text = carried(body)
    const size = Buffer.byteLength(text)
    if (size > maxBatchBytes) throw new RangeError(`A message takes ${size} bytes as SQS carries it.`)
    const last = batches.at(-1)
    const entry = { MessageBody: text, DelaySeconds: Math.ceil(delaySeconds) }
    if (last === undefined || last.length === maxBatchEntries || bytes + size > maxBatchBytes) {
      batches.push([{ Id: '0', ...entry }])
      bytes = size
    } else {
      last.push({ Id: String(last.length), ...entry })
      bytes += size
    }
  }
  return batches
}

// Control characters but tab and the ends of lines, and two that are no characters: SQS refuses a body that holds one.
// eslint-disable-next-line no-control-regex
const refused = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g

/** Bodies are JSON, whose texts may hold U+FFFE and U+FFFF as they are: escaped, they are the same JSON. */
function carried(body: string): string {
  return body.replace(refused, (character) => {
    if (character < ' ') throw new RangeError('A message must be JSON, which has no bare control characters.')
    return `\\u${character.charCodeAt(0).toString(16)}`
  })
}
