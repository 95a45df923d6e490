import { isIP } from 'node:net'
import { UserError } from '../../lib/userError.ts'
import type { Advertised } from './advertised.ts'

/** The flags that say under which names a cloud is reached. */
export interface NameFlags {
  readonly domain?: string
  readonly advertise?: string
}

const defaultDomain = 'localhost'

/**
 * Names where a domain is given or TLS is on, else ports. `base` is the first region's port. null: what is listened on.
 * @throws UserError
 */
export function readAdvertised({ domain, advertise }: NameFlags, base: number, hasTls: boolean): Advertised | null {
  const url = advertise === undefined ? undefined : readUrl(advertise)
  if (domain === undefined && !hasTls) return url === undefined ? null : byPorts(url, base)
  const named = domain === undefined ? (url?.hostname ?? defaultDomain) : readDomain(domain)
  if (isIP(named) !== 0) throw new UserError(`There are no names below ${named}; give --domain.`)
  if (url !== undefined && url.hostname !== named) {
    throw new UserError(`--advertise names ${url.hostname} and --domain ${named}; names are below one domain.`)
  }
  const scheme = url === undefined ? (hasTls ? 'https' : 'http') : schemeOf(url)
  if (hasTls && scheme === 'http')
    throw new UserError(`--advertise ${url?.origin ?? ''} is no HTTPS, which is what is served.`)
  return { scheme, by: 'names', host: named, portShift: url === undefined ? 0 : shiftOf(url, base) }
}

function shiftOf(url: URL, base: number): number | null {
  const port = portOf(url)
  return port === undefined ? null : port - base
}

function byPorts(url: URL, base: number): Advertised {
  const port = portOf(url)
  if (port === undefined) {
    throw new UserError(
      `--advertise ${url.origin} needs a port, which stands for BASE, or --domain ${url.hostname} for names.`,
    )
  }
  return { scheme: schemeOf(url), by: 'ports', host: url.hostname.replace(/^\[|\]$/g, ''), portShift: port - base }
}

function readUrl(text: string): URL {
  const url = URL.parse(text)
  const isOrigin = url !== null && /^https?:$/.test(url.protocol) && url.hostname !== ''
  if (!isOrigin || `${url.username}${url.password}${url.search}${url.hash}` !== '' || url.pathname !== '/') {
    throw new UserError(`--advertise takes a scheme, a host and a port, like http://kms.test:8600; not ${text}.`)
  }
  return url
}

/** URL leaves out a port that is the scheme's own. */
function portOf(url: URL): number | undefined {
  return url.port === '' ? undefined : Number(url.port)
}

function schemeOf(url: URL): Advertised['scheme'] {
  return url.protocol === 'https:' ? 'https' : 'http'
}

/** As the contract's §1.4 has it, no IP address, and nothing that a certificate or a client would not take. */
function readDomain(text: string): string {
  const domain = text.toLowerCase()
  const isName = /^(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*$/.test(domain)
  if (!isName || domain.length > 180 || isIP(domain) !== 0) {
    throw new UserError(`--domain takes a name like localhost or kms.example.com; not ${text}.`)
  }
  return domain
}
