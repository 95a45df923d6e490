import type { AuditEvent } from '../audit.ts'
import { finishIdentityChange } from '../handOffChange.ts'
import type { KmsPorts } from '../kmsPorts.ts'
import { bookkeeping, type AuditEffect, type Mutation } from '../mutation.ts'
import { requestedChange, type RequestedChange } from '../requestedChange.ts'
import type { Write } from '../../ports.ts'
import { appendIdentity, requireHomeRegion, type IdentityChange } from './identityLog.ts'
import { headSeq } from './verifyIdentity.ts'

export type IdentityPorts = Pick<
  KmsPorts,
  'tables' | 'hsm' | 'region' | 'homeRegion' | 'random' | 'clock' | 'timers' | 'identityHandOff'
>

/** One entry of the tenancy's log, and what commits with it. */
export interface IdentityStep<T> extends Omit<IdentityChange, 'after'> {
  readonly effect: AuditEffect
  /** Of the resource from then on. */
  readonly etag: string
  readonly also?: (event: AuditEvent) => readonly Write[]
  /** What stands afterwards. */
  readonly result: () => Promise<T>
}

/** Nothing is to be done: the answer is what stands already. */
interface Standing<T> {
  readonly standing: T
}

export interface RequestedIdentity<C, T> extends Omit<RequestedChange<C, T>, 'load' | 'commit'> {
  readonly load: () => Promise<C>
  readonly judge: (current: C) => Promise<IdentityStep<T> | Standing<T>>
}

/** A change of identity on a caller's request: one entry of the log, in every region before it is answered. */
export async function changeIdentity<C, T>(
  ports: IdentityPorts,
  tenancyId: string,
  mutation: Mutation,
  { load, etagOf, judge, ...requested }: RequestedIdentity<C, T>,
): Promise<T> {
  requireHomeRegion(ports)
  const answer = await requestedChange<{ readonly after: number; readonly current: C }, T>(ports, mutation, {
    ...requested,
    // The head first: whatever is judged is of this entry or later, and then the entry of this change has no place.
    load: async () => ({ after: await headSeq(ports, tenancyId), current: await load() }),
    ...(etagOf === undefined ? {} : { etagOf: ({ current }) => etagOf(current) }),
    commit: async ({ after, current }) => {
      const step = await judge(current)
      if ('standing' in step) return step.standing
      const { effect, etag, also, result, ...change } = step
      const books = bookkeeping(mutation, effect, etag)
      const writes = [...books, ...(also?.(books[0].item.events[0]) ?? [])]
      return (await appendIdentity(ports, tenancyId, { ...change, after }, writes)) ? result() : undefined
    },
  })
  await finishIdentityChange(ports, tenancyId)
  return answer
}
