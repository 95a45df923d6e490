import type { Clock, Tables, Write } from '../ports.ts'
import { tablesWith } from '../tablesWith.ts'

/** Tables in which what is written to the audit is kept for so many days and then removed, whoever writes it. */
export function keepingAudit(tables: Tables, days: number, clock: Clock): Tables {
  const expiring = (write: Write): Write => {
    if (write.op !== 'put' || write.table !== 'Audit' || write.item.expiresAt !== undefined) return write
    const expiresAt = Math.ceil(clock() / 1000) + days * 86_400
    return { ...write, item: { ...write.item, expiresAt } }
  }
  return tablesWith(tables, { write: (writes, writeId) => tables.write(writes.map(expiring), writeId) })
}
