import { backupRows } from './backupRows.ts'
import { commonRows } from './commonRows.ts'
import { cryptoRows } from './cryptoRows.ts'
import { keyRows } from './keyRows.ts'
import { listRows } from './listRows.ts'
import type { Row } from './row.ts'
import { vaultRows } from './vaultRows.ts'

/** Everything that is tried of every operation. */
export const allRows: readonly Row[] = [
  ...commonRows,
  ...listRows,
  ...vaultRows,
  ...keyRows,
  ...backupRows,
  ...cryptoRows,
]
