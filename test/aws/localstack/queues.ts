import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  type Message,
  type SQSClient,
} from '@aws-sdk/client-sqs'
import type { QueueAddress, QueueName } from '../../../lib/ports.ts'
import { SqsQueues } from '../../../lib/store/sqs/sqsQueues.ts'
import type { Aws } from './onLocalStack.ts'
import { systemBackOff } from './systemBackOff.ts'

const names = ['inbox', 'outcome', 'outbox'] as const satisfies readonly QueueName[]

const counters = [
  'ApproximateNumberOfMessages',
  'ApproximateNumberOfMessagesNotVisible',
  'ApproximateNumberOfMessagesDelayed',
] as const

/** The queues of some regions, made for a run; `visibilitySeconds` is how long a failed message stays hidden. */
export class RunQueues {
  readonly #aws: Aws
  readonly #urls = new Map<string, string>()

  private constructor(aws: Aws) {
    this.#aws = aws
  }

  static async create(aws: Aws, regions: readonly string[], visibilitySeconds = 30): Promise<RunQueues> {
    const made = new RunQueues(aws)
    const Attributes = { VisibilityTimeout: String(visibilitySeconds) }
    for (const region of regions) {
      for (const name of names) {
        const { QueueUrl } = await aws
          .sqs(region)
          .send(new CreateQueueCommand({ QueueName: `${aws.run}-${name}`, Attributes }))
        if (QueueUrl !== undefined) made.#urls.set(`${region}/${name}`, QueueUrl)
      }
    }
    return made
  }

  /** The port, over real clients. */
  get queues(): SqsQueues {
    return new SqsQueues({ clientOf: this.#aws.sqs, urlOf: (to) => this.#urlOf(to), ...systemBackOff })
  }

  async receive(from: QueueAddress): Promise<readonly Message[]> {
    const { Messages = [] } = await this.#clientOf(from).send(
      new ReceiveMessageCommand({
        QueueUrl: this.#urlOf(from),
        MaxNumberOfMessages: 10,
        MessageSystemAttributeNames: ['ApproximateReceiveCount'],
      }),
    )
    return Messages
  }

  async remove(from: QueueAddress, messages: readonly Message[]): Promise<void> {
    if (messages.length === 0) return
    const Entries = messages.map(({ ReceiptHandle }, n) => ({ Id: String(n), ReceiptHandle }))
    await this.#clientOf(from).send(new DeleteMessageBatchCommand({ QueueUrl: this.#urlOf(from), Entries }))
  }

  /** Every body that can be received now; removed. */
  async drain(from: QueueAddress): Promise<readonly string[]> {
    const bodies: string[] = []
    for (;;) {
      const messages = await this.receive(from)
      if (messages.length === 0) return bodies
      bodies.push(...messages.map(({ Body = '' }) => Body))
      await this.remove(from, messages)
    }
  }

  /** No message is to be received, is held by a receiver or waits for its delay to end. */
  async areEmpty(): Promise<boolean> {
    const counts = [...this.#urls].map(async ([address, QueueUrl]) => {
      const { Attributes = {} } = await this.#aws
        .sqs(address.split('/')[0] ?? '')
        .send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [...counters] }))
      return counters.every((counter) => Attributes[counter] === '0')
    })
    return (await Promise.all(counts)).every((isEmpty) => isEmpty)
  }

  async delete(): Promise<void> {
    for (const [address, QueueUrl] of this.#urls) {
      await this.#aws.sqs(address.split('/')[0] ?? '').send(new DeleteQueueCommand({ QueueUrl }))
    }
  }

  #clientOf({ region }: QueueAddress): SQSClient {
    return this.#aws.sqs(region)
  }

  #urlOf({ region, name }: QueueAddress): string {
    const url = this.#urls.get(`${region}/${name}`)
    if (url === undefined) throw new Error(`No queue ${name} was made in ${region}.`)
    return url
  }
}
