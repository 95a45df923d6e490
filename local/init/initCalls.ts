import { UserError } from '../../lib/userError.ts'
import type { Begun } from '../cloud/bringUp.ts'
import { signedEvent } from './signedEvent.ts'
import { parseJson } from '../../lib/parseJson.ts'

export interface VaultPlace {
  readonly id: string
  readonly region: string
  readonly managementEndpoint: string
}

/** What comes back of an operation: its members are read by their names in OCI's contract. */
export type Body = Readonly<Record<string, unknown>>

const tooManyMs = 200

/** The service's own operations, called by its administrator from inside, as anybody would call them. */
export class InitCalls {
  readonly #begun: Begun

  constructor(begun: Begun) {
    this.#begun = begun
  }

  /** `where` is the place in the file that this is for. @throws UserError where it is refused. */
  async post(to: string | VaultPlace, path: string, body: object, where: string): Promise<Body> {
    const answered = await this.#call('POST', to, path, body, where)
    return answered.body as Body
  }

  async get(to: string | VaultPlace, path: string, where: string): Promise<Body> {
    const answered = await this.#call('GET', to, path, undefined, where)
    return answered.body as Body
  }

  /** Every page of a list. */
  async list(to: string | VaultPlace, path: string, where: string): Promise<readonly Body[]> {
    const found: Body[] = []
    for (let page = ''; ;) {
      const { body, next } = await this.#call('GET', to, `${path}${page}`, undefined, where)
      found.push(...(body as readonly Body[]))
      if (next === undefined) return found
      page = `&page=${encodeURIComponent(next)}`
    }
  }

  async #call(
    method: 'GET' | 'POST',
    to: string | VaultPlace,
    path: string,
    body: object | undefined,
    where: string,
  ): Promise<{ readonly body: unknown; readonly next: string | undefined }> {
    const { hosts, endpoints, administrator } = this.#begun
    const region = typeof to === 'string' ? to : to.region
    const host = hosts.find(({ name }) => name === region)
    const endpoint =
      typeof to === 'string' ? endpoints.find((each) => each.region === to)?.endpoint : to.managementEndpoint
    if (host === undefined || endpoint === undefined)
      throw new UserError(
        `${where}: there is no region ${region}; there are ${hosts.map(({ name }) => name).join(', ')}.`,
      )
    for (;;) {
      const event = signedEvent(administrator, method, new URL(path, endpoint), body, Date.now())
      const {
        statusCode,
        headers,
        body: text,
      } = await host.answer({
        ...event,
        ...(typeof to === 'string' ? {} : { vaultId: to.id }),
      })
      const answered: unknown = text === '' ? {} : parseJson(text)
      if (statusCode < 300) return { body: answered, next: headers['opc-next-page'] }
      const { code, message } = answered as { readonly code?: unknown; readonly message?: unknown }
      if (statusCode !== 429) {
        throw new UserError(
          `${where}: ${method} ${path} was answered ${statusCode} ${String(code)}: ${String(message)}`,
        )
      }
      await new Promise((resolve) => setTimeout(resolve, tooManyMs))
    }
  }
}
