import { UserError } from '../../lib/userError.ts'
import { signedEvent, type Signer } from '../init/signedEvent.ts'
import { parseJson } from '../../lib/parseJson.ts'

/** What an answer holds. */
export type Answer = Readonly<Record<string, unknown>>

/** Calls as whoever owns the profile. @throws UserError with the service's own words where it refuses. */
export async function callService(signer: Signer, method: 'GET' | 'POST', url: string, body?: object): Promise<Answer> {
  const { headers, body: text } = signedEvent(signer, method, new URL(url), body, Date.now())
  const { host: _host, ...sent } = headers
  return send(url, { method, headers: sent, ...(text === undefined ? {} : { body: text }) })
}

export async function send(url: string, request: RequestInit): Promise<Answer> {
  const answer = await fetch(url, request).catch((cause: unknown) => {
    throw new UserError(`${new URL(url).origin} does not answer; is the service running, and --endpoint right?`, {
      cause,
    })
  })
  const text = await answer.text()
  if (answer.ok) return parseJson(text) as Answer
  throw new UserError(`The service refused (${answer.status}): ${messageIn(text)}`)
}

function messageIn(text: string): string {
  try {
    const { message } = parseJson(text) as { readonly message?: unknown }
    return typeof message === 'string' ? message : text
  } catch {
    return text
  }
}
