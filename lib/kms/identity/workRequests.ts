import type { FinishedWork } from '../finishedWork.ts'
import type { CompartmentRow, CompartmentWork, SubcompartmentRow } from './identityRows.ts'
import { rowsOf, type TenancyState } from './tenancyState.ts'

/** A request that takes a while, or might: what it was about and what became of it. */
export interface WorkRequest {
  readonly id: string
  readonly operationType: CompartmentWork['operationType'] | FinishedWork['operationType']
  readonly status: 'IN_PROGRESS' | 'SUCCEEDED' | 'FAILED'
  /** Whose request it is shown as. */
  readonly compartmentId: string
  /** Where who asks must have a right. */
  readonly judgedAt: string
  readonly resourceId: string
  readonly timeAccepted: string
  readonly timeFinished: string | null
  readonly error: string | null
}

/** The last deletion or move of each compartment: it lies in the compartment's row, which stays when that is gone. */
export function workRequestsIn(state: TenancyState): readonly WorkRequest[] {
  return rowsOf<CompartmentRow>(state, 'compartment').flatMap((row) =>
    row.parentId === null || row.workRequestId === null ? [] : [workRequestOf(row, row.workRequestId)],
  )
}

const byState = {
  DELETING: { status: 'IN_PROGRESS', error: null },
  DELETED: { status: 'SUCCEEDED', error: null },
  ACTIVE: { status: 'FAILED', error: 'The compartment was not empty in every region.' },
} as const

function workRequestOf(row: SubcompartmentRow, id: string): WorkRequest {
  const { work, lifecycleState, timeCreated } = row
  const about = { id, compartmentId: row.parentId, judgedAt: row.id, resourceId: row.id }
  if (work === undefined) {
    // Versions before 0.2 kept no times.
    const timeFinished = lifecycleState === 'DELETING' ? null : timeCreated
    const known = { ...byState[lifecycleState], timeAccepted: timeCreated, timeFinished }
    return { ...about, operationType: 'DELETE_COMPARTMENT', ...known }
  }
  const status = work.timeFinished === null ? 'IN_PROGRESS' : work.error === null ? 'SUCCEEDED' : 'FAILED'
  return { ...work, ...about, status }
}
