import type { Caller } from './callers.ts'
import type { Stage, Target } from './stage.ts'

/** Headers that a call may carry. */
export interface Conditions {
  readonly ifMatch?: string
  readonly opcRetryToken?: string
}

/** An operation, as the cases that all operations have in common see it. */
export interface Subject {
  /** The official client's call; it succeeds for the administrator about a target in good order. */
  readonly call: (who: Caller, about: Target, conditions: Conditions) => Promise<unknown>
  /** A target of its own in the state that the call wants; absent where `ready` will do. */
  readonly fresh?: (stage: Stage) => Promise<Target>
  /** What the success answers, at least. */
  readonly answers: object
  /** The headers it heeds beside `opc-request-id` (contract §2). */
  readonly takes?: readonly ('if-match' | 'opc-retry-token')[]
  /** What it names, in its path, query or body; `none` names nothing but the vault whose endpoint it is sent to. */
  readonly about:
    | 'vault'
    | 'key'
    | 'policy'
    | 'compartment'
    | 'subcompartment'
    | 'tenancy'
    | 'workRequest'
    | 'replication'
    | 'user'
    | 'group'
    | 'tagNamespace'
    | 'tagDefault'
    | 'none'
  /** A JSON body it accepts, and which of its members must be there. */
  readonly body?: (about: Target) => Readonly<Record<string, unknown>>
  readonly required?: readonly string[]
  /** It writes, in the vault's primary region only. */
  readonly refusedByReplica?: true
  readonly homeRegionOnly?: true
  readonly needsActiveVault?: true
}

/** Jest's own matchers have the type any. */
export const someText = expect.any(String) as unknown
export const something = expect.anything() as unknown
export const someOcid = expect.stringMatching(/^ocid1\./) as unknown
export const somePem = expect.stringContaining('BEGIN PUBLIC KEY') as unknown
/** A list with at least one item of this kind. */
export function listed(item: object): unknown {
  return expect.arrayContaining([expect.objectContaining(item) as unknown]) as unknown
}
