import dns from 'node:dns'

/**
 * Names that end with `suffix` are this machine, for this process, and no DNS is asked. RFC 6761 has it so for names below
 * localhost, but not every system's resolver does it. Returns what takes it back.
 */
export function resolveToLoopback(suffix: string, address = '127.0.0.1'): () => void {
  const { lookup } = dns
  const replaced = (name: string, options: object, done: (...answer: unknown[]) => void) => {
    if (!name.endsWith(suffix)) {
      lookup(name, options as dns.LookupOptions, done as never)
      return
    }
    const isAll = (options as dns.LookupOptions).all === true
    if (isAll) done(null, [{ address, family: 4 }])
    else done(null, address, 4)
  }
  dns.lookup = replaced as typeof dns.lookup
  return () => {
    dns.lookup = lookup
  }
}
