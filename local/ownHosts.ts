import { hostname, networkInterfaces } from 'node:os'

/** Longer than any name with its port. */
const maxLength = 270
const loopback = ['127.0.0.1', 'localhost', '::1']
const wildcards = ['0.0.0.0', '::']
const httpPort = 80

/** The name and the port in a Host header; undefined where it is none. */
function parseHost(host: string): { readonly name: string; readonly port: number } | undefined {
  if (host.length > maxLength) return undefined
  const [, bracketed, plain, port] = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/i.exec(host) ?? []
  const name = bracketed ?? plain
  return name === undefined
    ? undefined
    : { name: name.toLowerCase(), port: port === undefined ? httpPort : Number(port) }
}

/**
 * Whether a Host header names the listener that it came to: what was signed for another host is never answered.
 * `address` is what is listened on, `names` are those under which a proxy leads here.
 */
export function ownHosts(address: string, names: readonly string[]): (host: string, port: number) => boolean {
  const own = new Set([...addresses(address), ...names].map((name) => name.toLowerCase()))
  return (host, port) => {
    const parsed = parseHost(host)
    return parsed !== undefined && parsed.port === port && own.has(parsed.name)
  }
}

export function portOfHost(host: string): number | undefined {
  return parseHost(host)?.port
}

function addresses(address: string): readonly string[] {
  if (!wildcards.includes(address)) return loopback.includes(address) ? loopback : [address]
  const interfaces = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
  return [...loopback, hostname(), ...interfaces.map((each) => each.address)]
}
