import { KmsError } from '../../errors.ts'
import { boundedText } from './boundedText.ts'

const timeoutMs = 10_000

export async function writeUri(uri: string, allowedHosts: readonly string[], text: string): Promise<void> {
  await request(uri, allowedHosts, { method: 'PUT', body: text, headers: { 'content-type': 'application/json' } })
}

export async function readUri(
  uri: string,
  allowedHosts: readonly string[],
  maxBytes: number,
): Promise<string | undefined> {
  const answer = await request(uri, allowedHosts, { method: 'GET' })
  return answer === undefined ? undefined : boundedText(answer, maxBytes)
}

/** Follows no redirect: it would lead past the list. The URI is a secret, so no error quotes it. */
async function request(
  uri: string,
  allowedHosts: readonly string[],
  init: RequestInit,
): Promise<AsyncIterable<Uint8Array> | undefined> {
  const url = parse(uri)
  if (url === undefined || !allowedHosts.includes(url.host)) {
    throw new KmsError(
      'invalidParameter',
      'backupLocation.uri is not on a host that the operator has allowed (BACKUP_URI_HOSTS).',
    )
  }
  let answer: Response
  try {
    answer = await fetch(url, { ...init, redirect: 'error', signal: AbortSignal.timeout(timeoutMs) })
  } catch (cause) {
    throw unusable('could not be reached', cause)
  }
  if (answer.status === 404) return undefined
  if (!answer.ok) throw unusable(`answered ${answer.status}`)
  return (answer.body ?? []) as AsyncIterable<Uint8Array>
}

function parse(uri: string): URL | undefined {
  const url = URL.canParse(uri) ? new URL(uri) : undefined
  const isWeb = url?.protocol === 'https:' || url?.protocol === 'http:'
  return isWeb && url.username === '' && url.password === '' ? url : undefined
}

function unusable(what: string, cause?: unknown): KmsError {
  return new KmsError('invalidParameter', `The host of backupLocation.uri ${what}; make a new URI and try again.`, {
    cause,
  })
}
