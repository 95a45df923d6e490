import { textFromBytes } from '../textFromBytes.ts'
import { KmsError } from '../errors.ts'
import type { IssuerKeys } from '../http/httpPorts.ts'
import { usableKeys, type JwkSet } from '../iam/oidc/jwkSet.ts'
import { LruCache } from '../lruCache.ts'
import type { Clock } from '../ports.ts'
import { parseJson } from '../parseJson.ts'

const maxBytes = 64 * 1024
/** So long a set is used as it is. */
const freshMs = 10 * 60_000
/** So seldom at most a place is asked, whoever asks, and whether or not it answers. */
const pauseMs = 30_000
/** So long a set is still used while its place does not answer. */
const keptMs = 24 * 3600_000

interface Place {
  set?: JwkSet
  setAt: number
  askedAt: number
  asking?: Promise<void>
  /** Why it gave nothing when it was asked last. */
  failure?: unknown
}

/** Of issuers that publish for everybody. */
const wellKnownHosts = ['token.actions.githubusercontent.com', 'www.googleapis.com', 'gitlab.com'] as const

/** Asks only hosts that the operator has allowed (ISSUER_HOSTS), because who manages a tenancy chooses the place. */
export class FetchedIssuerKeys implements IssuerKeys {
  readonly #hosts: readonly string[]
  readonly #clock: Clock
  readonly #places = new LruCache<Place>(200)

  readonly #timeoutMs: number

  constructor(hosts: readonly string[], clock: Clock, timeoutMs = 5_000) {
    this.#timeoutMs = timeoutMs
    this.#hosts = [...wellKnownHosts, ...hosts]
    this.#clock = clock
  }

  requireAllowed(uri: string): void {
    allowedUrl(uri, this.#hosts)
  }

  async at(uri: string, isStale = false): Promise<JwkSet> {
    const url = allowedUrl(uri, this.#hosts)
    const place: Place = this.#places.get(uri) ?? { setAt: -Infinity, askedAt: -Infinity }
    this.#places.set(uri, place)
    const now = this.#clock()
    if (isStale || now - place.setAt > freshMs) {
      if (now - place.askedAt > pauseMs) place.asking = this.#ask(url, place)
      await place.asking
    }
    if (place.set !== undefined && now - place.setAt <= keptMs) return place.set
    const text = 'The keys of the trusted issuer cannot be fetched at its jwksUri now; try again.'
    throw new KmsError('unavailable', text, { cause: place.failure, retryAfter: Math.ceil(pauseMs / 1000) })
  }

  async #ask(url: URL, place: Place): Promise<void> {
    place.askedAt = this.#clock()
    try {
      place.set = await fetchedSet(url, this.#timeoutMs)
      place.setAt = this.#clock()
    } catch (cause) {
      // What is kept serves on; where nothing is, whoever asked hears of it.
      place.failure = cause
    }
  }
}

/** @throws KmsError invalidParameter */
function allowedUrl(uri: string, hosts: readonly string[]): URL {
  const url = URL.canParse(uri) ? new URL(uri) : undefined
  const isLoopback = url !== undefined && /^(127\.\d+\.\d+\.\d+|\[::1\]|localhost)$/.test(url.hostname)
  const isWeb = url?.protocol === 'https:' || (isLoopback && url.protocol === 'http:')
  if (isWeb && url.username === '' && url.password === '' && hosts.includes(url.host)) return url
  throw new KmsError(
    'invalidParameter',
    'jwksUri must be https, on a host that the operator of this service has allowed (ISSUER_HOSTS); or pin the keys (jwks).',
  )
}

/** Follows no redirect: it would lead past the list. */
async function fetchedSet(url: URL, timeoutMs: number): Promise<JwkSet> {
  const answer = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(timeoutMs) })
  if (!answer.ok) throw new Error(`The issuer's keys: status ${answer.status}.`)
  const kept: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of (answer.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length
    if (bytes > maxBytes) throw new Error(`The issuer's keys have more than ${maxBytes} bytes.`)
    kept.push(chunk)
  }
  const set = usableKeys(parseJson(textFromBytes(Buffer.concat(kept)) ?? ''))
  if (set.keys.length === 0) throw new Error('The issuer has no keys that can be used.')
  return set
}
