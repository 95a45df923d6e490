import type { SubcompartmentRow, CompartmentRow } from './identityRows.ts'
import { rowsOf, type TenancyState } from './tenancyState.ts'

/** What is known of the last deletion or move of a compartment: it lies in the compartment's row, which stays when that is gone. */
export interface WorkRequest {
  readonly id: string
  readonly operationType: 'DELETE_COMPARTMENT' | 'MOVE_COMPARTMENT'
  readonly status: 'IN_PROGRESS' | 'SUCCEEDED' | 'FAILED'
  readonly compartment: SubcompartmentRow
  /** Versions before 0.2 kept no times. */
  readonly timeAccepted: string
  readonly timeFinished: string | null
  readonly error: string | null
}

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

function workRequestOf(compartment: SubcompartmentRow, id: string): WorkRequest {
  const { work, lifecycleState, timeCreated } = compartment
  if (work === undefined) {
    const timeFinished = lifecycleState === 'DELETING' ? null : timeCreated
    const known = { ...byState[lifecycleState], timeAccepted: timeCreated, timeFinished }
    return { id, operationType: 'DELETE_COMPARTMENT', compartment, ...known }
  }
  const status = work.timeFinished === null ? 'IN_PROGRESS' : work.error === null ? 'SUCCEEDED' : 'FAILED'
  return { ...work, id, status, compartment }
}
