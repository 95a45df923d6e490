import { hostname, networkInterfaces } from 'node:os'
import { LruCache } from '../../lib/lruCache.ts'

/** Longer than any name with its port. */
const maxLength = 270
const loopback = ['127.0.0.1', 'localhost', '::1']
const wildcards = ['0.0.0.0', '::']
const schemePort = { http: 80, https: 443 } as const
type Scheme = keyof typeof schemePort

/** The name and the port in a Host header; undefined where it is none. */
function parseHost(host: string, scheme: Scheme): { readonly name: string; readonly port: number } | undefined {
  if (host.length > maxLength) return undefined
  const [, bracketed, plain, port] = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/i.exec(host) ?? []
  const name = bracketed ?? plain
  return name === undefined
    ? undefined
    : { name: name.toLowerCase(), port: port === undefined ? schemePort[scheme] : Number(port) }
}

/**
 * Whether a Host header names the listener that it came to: what was signed for another host is never answered.
 * `address` is what is listened on, `names` are those under which a proxy leads here.
 */
export function ownHosts(
  address: string,
  names: readonly string[],
  scheme: Scheme = 'http',
): (host: string, port: number) => boolean {
  const own = new Set([...addresses(address), ...names].map((name) => name.toLowerCase()))
  /** The port of each Host header that names one of ours: clients send the same one for ever. */
  const portOf = new LruCache<number>(64)
  return (host, port) => {
    const known = portOf.get(host)
    if (known !== undefined) return known === port
    const parsed = parseHost(host, scheme)
    if (parsed === undefined || !own.has(parsed.name)) return false
    portOf.set(host, parsed.port)
    return parsed.port === port
  }
}

/** Whether a Host header has the form of one. */
export function isHost(host: string): boolean {
  return parseHost(host, 'http') !== undefined
}

function addresses(address: string): readonly string[] {
  if (!wildcards.includes(address)) return loopback.includes(address) ? loopback : [address]
  const interfaces = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
  return [...loopback, hostname(), ...interfaces.map((each) => each.address)]
}
