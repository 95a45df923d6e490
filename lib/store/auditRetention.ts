import type { Clock, Tables, Write } from '../ports.ts'

/** Tables in which what is written to the audit is kept for so many days and then removed, whoever writes it. */
export function keepingAudit(tables: Tables, days: number, clock: Clock): Tables {
  const expiring = (write: Write): Write => {
    if (write.op !== 'put' || write.table !== 'Audit' || write.item.expiresAt !== undefined) return write
    const expiresAt = Math.ceil(clock() / 1000) + days * 86_400
    return { ...write, item: { ...write.item, expiresAt } }
  }
  return {
    get: (...call) => tables.get(...call),
    query: (...call) => tables.query(...call),
    queryIndex: (...call) => tables.queryIndex(...call),
    advance: (...call) => tables.advance(...call),
    write: (writes, writeId) => tables.write(writes.map(expiring), writeId),
  }
}
