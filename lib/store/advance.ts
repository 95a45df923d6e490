import type { Item, TimeAdvanced, TimeStep } from '../ports.ts'

/** How long a time that has passed is kept. */
const keptSeconds = 3600

/** When an item whose time may stand at `latest` is of no use to anybody. */
export function advanceExpiry({ latest }: TimeStep): number {
  return Math.ceil(latest / 1000) + keptSeconds
}

/** The step of the port's `advance` over what is stored, and the item to store where it is made. */
export function advance(
  stored: Item | undefined,
  pk: string,
  sk: string,
  step: TimeStep,
): { readonly outcome: TimeAdvanced; readonly item?: Item } {
  const stands = typeof stored?.['until'] === 'number' ? stored['until'] : 0
  const until = Math.max(stands, step.now) + step.stepMs
  if (until > step.latest) return { outcome: { ok: false, until: stands } }
  return { outcome: { ok: true, until }, item: { pk, sk, until, expiresAt: advanceExpiry(step) } }
}
