import { Readable } from 'node:stream'

/** A request as the SDK made it. */
export interface Asked {
  readonly operation: string
  readonly body: Readonly<Record<string, unknown>>
}

/** What the service answers; 'lost': it did its work, and the connection broke before its answer came. */
export type Answer = { readonly status: number; readonly body: object } | 'lost'

/** The last answer is given again and again. */
export type Script = readonly (Answer | ((asked: Asked) => Answer))[]

interface HttpRequest {
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** The SDK's own client speaks; only the wire is a script, for answers that no emulator gives when asked. */
export class ScriptedHttp {
  readonly asked: Asked[] = []
  readonly #answers: ((asked: Asked) => Answer)[]

  constructor(answers: Script) {
    this.#answers = answers.map((answer) => (typeof answer === 'function' ? answer : () => answer))
  }

  async handle({ headers, body }: HttpRequest) {
    const operation = headers['x-amz-target']?.split('.')[1] ?? ''
    const asked: Asked = { operation, body: JSON.parse(new TextDecoder().decode(body)) as Asked['body'] }
    const answer = this.#answers[Math.min(this.asked.length, this.#answers.length - 1)]?.(asked)
    this.asked.push(asked)
    if (answer === undefined || answer === 'lost') {
      throw Object.assign(new Error('The connection was reset.'), { name: 'TimeoutError', code: 'ECONNRESET' })
    }
    const answered = { 'content-type': 'application/x-amz-json-1.0' }
    return {
      response: { statusCode: answer.status, headers: answered, body: Readable.from([JSON.stringify(answer.body)]) },
    }
  }

  readonly clientOptions = () => ({
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    requestHandler: this,
  })
}

/** Timers that wait for nothing and tell for how long they would have, and a random part that is the whole. */
export function noWaiting() {
  const waits: number[] = []
  const sleep = async (ms: number): Promise<void> => {
    waits.push(ms)
  }
  return { waits, backOffPorts: { timers: { sleep }, random: () => Buffer.of(255) } }
}
