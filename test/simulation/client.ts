import { isKmsError } from '../../lib/errors.ts'
import type { JsonObject } from '../../lib/canonicalJson.ts'
import type { Answer } from '../../lib/http/operation.ts'
import type { Instance } from './region.ts'
import { InjectedFault } from './injectedFault.ts'
import type { Ask, Tenancy } from './requests.ts'
import { requireExplained, requireHonest } from './requireHonest.ts'
import type { World } from './world.ts'

export type AskOf = Pick<Ask, 'operation'> & Partial<Omit<Ask, 'operation'>> & { readonly region?: 'a' | 'b' }

const maxAttempts = 5

/** One caller, as a rule of the primary region, who repeats what has no clear outcome with the same retry token. */
export class Client {
  readonly world: World
  readonly tenancy: Tenancy
  readonly #name: string
  #asked = 0

  constructor(world: World, name: string, tenancy: Tenancy) {
    this.world = world
    this.tenancy = tenancy
    this.#name = name
  }

  /** A token that nobody has used. */
  newToken(): string {
    this.#asked += 1
    return `${this.#name}-${this.#asked}`
  }

  /** The answer; undefined where it was refused or nobody can know. */
  async ask({ region = 'a', ...of }: AskOf): Promise<Answer | undefined> {
    const ask: Ask = { vaultId: '', parameters: {}, query: {}, input: undefined, token: undefined, ...of }
    for (let attempt = 1; attempt <= maxAttempts; attempt += 1) {
      try {
        const instance = this.world.region(region).instance()
        return await this.#connected(instance, this.world.perform(instance.runtime, this.tenancy, ask))
      } catch (cause) {
        requireHonest(`${ask.operation.id} failed.`, cause)
        if (isKmsError(cause) && cause.code !== 'handOffPending') return undefined
        requireExplained(`${ask.operation.id} failed by itself.`, cause)
        if (ask.token === undefined) return undefined
        await this.world.pause(20 * 2 ** attempt)
      }
    }
    return undefined
  }

  /** The answer, or the end of the connection where the process dies. */
  #connected<T>(instance: Instance, answer: Promise<T>): Promise<T> {
    const { scheduler, outside } = this.world
    return new Promise((resolve, reject) => {
      const forget = instance.incarnation.onDeath(() => {
        void scheduler
          .call(
            outside,
            'outside',
            'read',
            () => 'lost its connection',
            () => undefined,
          )
          .then(() => {
            reject(new InjectedFault('The connection was lost.'))
          })
      })
      answer.then(resolve, reject).finally(forget)
    })
  }
}

export function bodyOf(answer: Answer | undefined): JsonObject | undefined {
  return answer?.body as JsonObject | undefined
}

export function textOf(body: JsonObject | undefined, name: string): string | undefined {
  const value = body?.[name]
  return typeof value === 'string' ? value : undefined
}
