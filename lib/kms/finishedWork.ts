import type { Clock, Item, Tables, Write } from '../ports.ts'
import { requireFormat } from '../requireFormat.ts'

/** What a change that is done when it is answered leaves behind for whoever asks after its work request. */
export interface FinishedWork {
  readonly tenancyId: string
  readonly compartmentId: string
  readonly operationType:
    | 'BACKUP_VAULT'
    | 'BACKUP_KEY'
    | 'RESTORE_VAULT'
    | 'RESTORE_KEY'
    | 'DELETE_TAG_DEFINITION'
    | 'DELETE_NON_EMPTY_TAG_NAMESPACE'
  readonly resourceId: string
}

/** Without a MAC: it grants nothing, and who asks is judged by their right to the compartment that it names. */
export interface FinishedWorkRow extends FinishedWork, Item {
  readonly format: 'vaultspan/work-request/1'
  readonly timeFinished: string
}

const sk = 'workRequest'
const keptSeconds = 7 * 86_400

export async function noteFinished(
  { tables, clock }: { readonly tables: Pick<Tables, 'get' | 'write'>; readonly clock: Clock },
  workRequestId: string,
  work: FinishedWork,
): Promise<void> {
  // A repeated call is the same request, which is noted already.
  if ((await tables.get('Requests', workRequestId, sk)) !== undefined) return
  await tables.write([finishedWorkWrite(clock(), workRequestId, work)])
}

/** The same for the transaction that does the work. */
export function finishedWorkWrite(now: number, workRequestId: string, work: FinishedWork): Write {
  const item: FinishedWorkRow = {
    pk: workRequestId,
    sk,
    format: 'vaultspan/work-request/1',
    ...work,
    timeFinished: new Date(now).toISOString(),
    expiresAt: Math.floor(now / 1000) + keptSeconds,
  }
  return { op: 'put', table: 'Requests', item }
}

/** Undefined where nothing of the tenancy's in this region has that id. */
export async function finishedWork(
  { tables }: { readonly tables: Pick<Tables, 'get'> },
  tenancyId: string,
  workRequestId: string,
): Promise<FinishedWorkRow | undefined> {
  const row = (await tables.get('Requests', workRequestId, sk)) as FinishedWorkRow | undefined
  if (row?.tenancyId !== tenancyId) return undefined
  requireFormat('The row of a work request', row, 'vaultspan/work-request/1')
  return row
}
