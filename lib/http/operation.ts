import type { GenericSchema, InferOutput } from 'valibot'
import type { Json } from '../canonicalJson.ts'
import type { Mutation } from '../kms/mutation.ts'
import type { Caller } from './authenticate.ts'
import type { HttpPorts } from './httpPorts.ts'
import type { OperationName } from './operations.ts'
import type { WireRequest } from './wireRequest.ts'

/** What the audit says a request was about; an operation fills it in as soon as it knows. */
export interface AuditTarget {
  resourceId: string | null
  resourceName: string | null
  /** Set once the caller was allowed there: what is refused before is filed under the tenancy's root. */
  compartmentId: string | null
  details?: { readonly [name: string]: Json }
}

/** What was looked at for a request: a refusal has done all of it, or does the rest before it is answered (evenRefusal.ts). */
export interface Looked {
  readonly vault: LookedFor
  readonly key: LookedFor
  /** Whether policies have refused something. */
  isJudged: boolean
  /** Whether the vault at whose endpoint the request arrived is a replica; undefined: not read yet. */
  isAtReplica: boolean | undefined
}

/** Whether one was read that is there, and one that is not. */
export interface LookedFor {
  found: boolean
  missed: boolean
}

export function nothingLooked(): Looked {
  const neither = () => ({ found: false, missed: false })
  return { vault: neither(), key: neither(), isJudged: false, isAtReplica: undefined }
}

/** One request on its way through an operation. */
export interface Request<P extends HttpPorts = HttpPorts> {
  readonly operation: OperationName
  readonly ports: P
  readonly caller: Caller
  /** Segments of the path, decoded. */
  readonly parameters: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string>>
  /** Names in lower case. */
  readonly headers: WireRequest['headers']
  /** The vault at whose endpoint the request arrived; '' at a region's own endpoint. */
  readonly vaultId: string
  readonly mutation: Mutation
  readonly target: AuditTarget
  readonly looked: Looked
  /** Unix milliseconds at arrival. */
  readonly now: number
}

export interface Answer {
  /** 200 unless set. */
  readonly status?: 200 | 202 | 204
  readonly body?: Json
  /** Instead of `body`, where the answer is not JSON; `headers` then name its content type. */
  readonly text?: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface Operation<P extends HttpPorts = HttpPorts> {
  readonly id: OperationName
  /** Undefined: the operation takes no body, and one that comes is not looked at. */
  readonly input?: GenericSchema

  readonly run: (request: Request<P>, input: unknown) => Promise<Answer>
}

/** What a schema gives; undefined where an operation has none. */
export type InputOf<S extends GenericSchema | undefined> = S extends GenericSchema ? InferOutput<S> : undefined

interface Definition<P extends HttpPorts, S extends GenericSchema> {
  readonly input: S
  readonly run: (request: Request<P>, input: InferOutput<S>) => Promise<Answer>
}

/** Binds an operation's wire form to its domain call. All else of it stands in its row (operations.ts). */
export function operation<S extends GenericSchema, P extends HttpPorts = HttpPorts>(
  id: OperationName,
  definition: Definition<P, S>,
): Operation<P> {
  // INVARIANT: the pipeline validates the body against `input` before it calls `run`.
  return { id, input: definition.input, run: definition.run }
}

/** An operation whose body is a file; `run` gets its bytes (`body: 'file'` in its row). */
export function fileOperation<P extends HttpPorts = HttpPorts>(
  id: OperationName,
  run: (request: Request<P>, body: unknown) => Promise<Answer>,
): Operation<P> {
  return { id, run }
}

/** An operation without a body. */
export function bodyless<P extends HttpPorts = HttpPorts>(
  id: OperationName,
  run: (request: Request<P>) => Promise<Answer>,
): Operation<P> {
  return { id, run }
}
