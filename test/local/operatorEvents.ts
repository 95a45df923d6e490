import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import type { AuditItem } from '../../lib/kms/audit.ts'

/** What the audit of a region says was done at its host, in order: the act, and what was so from then on. */
export function operatorEvents(data: string, region: string): readonly (readonly [string, unknown])[] {
  const database = new DatabaseSync(join(data, 'regions', `${region}.db`), { readOnly: true })
  try {
    const rows = database.prepare("SELECT body FROM item WHERE tbl = 'Audit' ORDER BY rowid").all()
    const items = rows.map(({ body }) => JSON.parse(String(body)) as Partial<AuditItem>)
    return items
      .flatMap(({ events = [] }) => [...events])
      .map(({ data: said }) => said as unknown as Said)
      .filter(({ identity }) => identity.authType === 'host')
      .map(({ eventName, stateChange, identity }) => {
        expect(identity).toMatchObject({ principalName: 'operator at the host', principalId: null })
        return [eventName, stateChange.current] as const
      })
  } finally {
    database.close()
  }
}

interface Said {
  readonly eventName: string
  readonly stateChange: { readonly current: unknown }
  readonly identity: Readonly<Record<string, unknown>>
}
