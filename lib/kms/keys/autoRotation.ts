import { deleteReminder, storeReminder, type Due } from '../reminders.ts'
import { KmsError } from '../../errors.ts'
import type { Write } from '../../ports.ts'
import type { AutoRotation, KeyRow, VaultRow } from '../rows/rows.ts'

/** What a caller asks for; the members left out stay as they are. */
export interface RequestedRotation {
  readonly isEnabled?: boolean
  readonly intervalInDays?: number
  readonly scheduleStart?: Date
}

type Rotation = Pick<KeyRow, 'isAutoRotationEnabled' | 'autoRotation'>

const dayMs = 24 * 3_600_000

/** @throws KmsError invalidParameter where this vault or what is requested allows no automatic rotation. */
export function firstAutoRotation(vault: VaultRow, requested: RequestedRotation, now: number): Rotation {
  return changedAutoRotation(vault, { isAutoRotationEnabled: false, autoRotation: null }, requested, now)
}

/** A changed interval or start counts from the schedule's start; times that have passed are skipped, not made up for. */
export function changedAutoRotation(
  vault: VaultRow,
  stored: Rotation,
  requested: RequestedRotation,
  now: number,
): Rotation {
  const isEnabled = requested.isEnabled ?? stored.isAutoRotationEnabled
  const isPlanned = requested.intervalInDays !== undefined || requested.scheduleStart !== undefined
  if (!isEnabled && !isPlanned) return { isAutoRotationEnabled: false, autoRotation: stored.autoRotation }
  if (vault.vaultType !== 'VIRTUAL_PRIVATE') {
    throw new KmsError(
      'invalidParameter',
      'Automatic rotation is for keys in VIRTUAL_PRIVATE vaults; leave isAutoRotationEnabled and autoKeyRotationDetails out.',
    )
  }
  const interval = requested.intervalInDays ?? stored.autoRotation?.rotationIntervalInDays
  if (interval === undefined) {
    throw new KmsError(
      'missingParameter',
      'autoKeyRotationDetails.rotationIntervalInDays is missing: say how many days lie between two rotations.',
    )
  }
  const isResumed = isEnabled && !stored.isAutoRotationEnabled
  if (!isPlanned && !isResumed) return { isAutoRotationEnabled: isEnabled, autoRotation: stored.autoRotation }
  const start = startOfDay(
    requested.scheduleStart?.getTime() ?? timeOf(stored.autoRotation?.timeOfScheduleStart) ?? now,
  )
  return {
    isAutoRotationEnabled: isEnabled,
    autoRotation: {
      timeOfLastRotation: null,
      lastRotationStatus: null,
      lastRotationMessage: null,
      ...stored.autoRotation,
      rotationIntervalInDays: interval,
      timeOfScheduleStart: new Date(start).toISOString(),
      timeOfNextRotation: nextTime(start, interval, now),
    },
  }
}

/** @throws KmsError incorrectState where a key that is not ENABLED is to begin to rotate. */
export function requireRotatable(
  key: Pick<KeyRow, 'id' | 'lifecycleState' | 'isAutoRotationEnabled'>,
  wanted: Rotation,
): void {
  if (!wanted.isAutoRotationEnabled || key.isAutoRotationEnabled || key.lifecycleState === 'ENABLED') return
  throw new KmsError(
    'incorrectState',
    `Automatic rotation needs a key that is ENABLED; ${key.id} is ${key.lifecycleState}.`,
  )
}

/** What a rotation that fell due leaves behind: its outcome and the next time. */
export function rotated(
  plan: AutoRotation,
  outcome: { status: 'SUCCESS' } | { status: 'FAILED'; message: string },
  now: number,
): AutoRotation {
  const { timeOfScheduleStart, rotationIntervalInDays } = plan
  return {
    ...plan,
    timeOfNextRotation: nextTime(Date.parse(timeOfScheduleStart), rotationIntervalInDays, now),
    ...(outcome.status === 'SUCCESS' ? { timeOfLastRotation: new Date(now).toISOString() } : {}),
    lastRotationStatus: outcome.status,
    lastRotationMessage: outcome.status === 'SUCCESS' ? null : outcome.message,
  }
}

/** A restored key's rotation goes on at its next time from now. */
export function resumedAutoRotation({ isAutoRotationEnabled, autoRotation }: Rotation, now: number): Rotation {
  if (autoRotation === null) return { isAutoRotationEnabled, autoRotation }
  const start = Date.parse(autoRotation.timeOfScheduleStart)
  const timeOfNextRotation = nextTime(start, autoRotation.rotationIntervalInDays, now)
  return { isAutoRotationEnabled, autoRotation: { ...autoRotation, timeOfNextRotation } }
}

type Planned = Pick<KeyRow, 'id' | 'vaultId' | 'isAutoRotationEnabled' | 'autoRotation'>

/** The writes that move a key's reminder from its old plan to its new one; `before` undefined: the key is new. */
export function rotationReminders(before: Planned | undefined, after: Planned): readonly Write[] {
  const old = before?.isAutoRotationEnabled === true ? rotationDue(before) : undefined
  const next = after.isAutoRotationEnabled ? rotationDue(after) : undefined
  if (old?.at === next?.at) return []
  return [...(old === undefined ? [] : deleteReminder(old)), ...(next === undefined ? [] : storeReminder(next))]
}

/** The reminder of a key that rotates. */
function rotationDue(key: Pick<KeyRow, 'id' | 'vaultId' | 'autoRotation'>): Due {
  const at = key.autoRotation?.timeOfNextRotation ?? ''
  return { kind: 'rotation', vaultId: key.vaultId, keyId: key.id, materialId: null, at }
}

/** The first time after now that lies a whole number of intervals, at least one, after the start. */
function nextTime(start: number, intervalInDays: number, now: number): string {
  const step = intervalInDays * dayMs
  const passed = Math.max(0, Math.floor((now - start) / step))
  return new Date(start + (passed + 1) * step).toISOString()
}

function startOfDay(time: number): number {
  return Math.floor(time / dayMs) * dayMs
}

function timeOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Date.parse(text)
}
