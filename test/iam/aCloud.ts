import { operations } from '../../lib/http/operations.ts'
import type { CloudValues } from '../../lib/iam/requirePossibleValues.ts'

/** Two regions, one of which every SDK knows by its three letters; the operations that there are. */
export const aCloud: CloudValues = {
  regions: ['us-phoenix-1', 'local-one-1'],
  operations: Object.fromEntries(Object.entries(operations).map(([name, { permissions }]) => [name, permissions])),
}
