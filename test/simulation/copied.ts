import { isAtLeast, type Order } from '../../lib/kms/rows/epoch.ts'
import { keySk, type VaultRow } from '../../lib/kms/rows/rows.ts'
import type { Item } from '../../lib/ports.ts'
import { Violation } from './violation.ts'
import type { World } from './world.ts'

/** A replica that is said to be CREATED has every row that stood before its hand-off was on. */
export function requireCopied({ a, b, history }: World, item: Item): void {
  const vault = item as unknown as VaultRow
  for (const key of a.tables.all('Keys')) {
    if (key.sk !== keySk || key['vaultId'] !== vault.id) continue
    for (const committed of history.beforeHandOff(key.pk, vault)) {
      if (isAtLeast(b.tables.get('Keys', key.pk, committed.sk) as Order | undefined, committed)) continue
      throw new Violation(
        `The replica is CREATED without ${committed.sk} of ${key.pk} at revision ${committed.revision}.`,
      )
    }
  }
}
