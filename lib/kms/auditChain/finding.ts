import type { AuditEvent } from '../audit.ts'

/** What is not as it was written. */
export interface Finding {
  readonly kind: 'altered' | 'missing' | 'reordered' | 'inserted' | 'head' | 'cut'
  readonly region: string
  /** Of the event, or of what was next to it: findings are told in this order. */
  readonly at: string
  readonly eventId?: string
  /** Of an event that is not what was written there. */
  readonly digests?: { readonly actual: string; readonly expected: string }
  readonly says: string
}

export function named({ eventId, eventTime, eventType }: Partial<AuditEvent>): string {
  const operation =
    typeof eventType === 'string' ? eventType.replace(/^.*?\.(?=[^.]+(\.begin|\.end)?$)/, '') : 'unknown'
  return `${operation} ${eventId ?? 'without an id'} of ${eventTime ?? 'no time'}`
}
