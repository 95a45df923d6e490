import type { Caller } from '../../lib/http/authenticate.ts'
import { nothingLooked, type Answer, type Operation, type Request } from '../../lib/http/operation.ts'
import { compartmentTree } from '../../lib/iam/compartmentTree.ts'
import { compilePolicy, type CompiledPolicy } from '../../lib/iam/policy.ts'
import { auditWrite } from '../../lib/kms/audit.ts'
import type { TenancyIdentity } from '../../lib/kms/identity/identityCache.ts'
import type { PolicyRow } from '../../lib/kms/identity/identityRows.ts'
import type { AuditEffect, Mutation } from '../../lib/kms/mutation.ts'
import type { Runtime } from '../../lib/runtime/composeRegion.ts'

/** What a simulated caller asks: an operation with its body as the schema leaves it. */
export interface Ask {
  // The operations take different bodies; the workload's rows pair each with its own.
  readonly operation: Operation<Runtime>
  readonly vaultId: string
  readonly parameters: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string>>
  readonly input: unknown
  readonly token: string | undefined
}

export interface Tenancy {
  readonly id: string
  readonly userId: string
  readonly groupId: string
}

const dayMs = 86_400_000

/** Gives a request to the real operation, behind signature and schema; the pipeline itself runs in test/simulation/wire. */
export async function perform(runtime: Runtime, tenancy: Tenancy, ask: Ask): Promise<Answer> {
  const now = runtime.clock()
  const request: Request<Runtime> = {
    operation: ask.operation.id,
    ports: runtime,
    caller: await callerOf(runtime, tenancy),
    parameters: ask.parameters,
    query: ask.query,
    headers: {},
    vaultId: ask.vaultId,
    mutation: mutationOf(ask, tenancy, now),
    target: { resourceId: null, resourceName: null, compartmentId: null },
    looked: nothingLooked(),
    now,
  }
  return ask.operation.run(request, ask.input)
}

function mutationOf({ operation, token, input, parameters, query }: Ask, tenancy: Tenancy, now: number): Mutation {
  const audit = (effect: AuditEffect) => {
    const event = {
      eventType: `${operation.id}${effect.suffix ?? ''}`,
      eventId: `${token ?? operation.id}-${now}-${effect.resourceId}`,
      eventTime: new Date(now).toISOString(),
      data: { compartmentId: effect.compartmentId, resourceId: effect.resourceId },
    }
    return [auditWrite(event)] as const
  }
  if (token === undefined) return { audit }
  const digest = `${operation.id} ${JSON.stringify(parameters)} ${JSON.stringify(query)} ${JSON.stringify(input)}`
  const pk = `${tenancy.id} ${operation.id} ${token}`
  return { request: { pk, digest, expiresAt: Math.floor((now + dayMs) / 1000) }, audit }
}

const compiled = new Map<string, CompiledPolicy>()

function compiledPolicy({ id, compartmentId, statements }: PolicyRow): CompiledPolicy {
  const name = JSON.stringify([id, compartmentId, statements])
  const known = compiled.get(name)
  if (known !== undefined) return known
  if (compiled.size > 1000) compiled.clear()
  const made = compilePolicy({ id, compartmentId, statements })
  compiled.set(name, made)
  return made
}

const callers = new WeakMap<TenancyIdentity, Caller>()

/** As lib/http/authenticate.ts has it of a signed request of the tenancy's administrator. */
async function callerOf({ identity }: Runtime, { id, userId, groupId }: Tenancy): Promise<Caller> {
  const found = await identity.tenancy(id)
  const known = callers.get(found)
  if (known !== undefined) return known
  const groups = [{ id: groupId, name: 'Administrators' }]
  const caller: Caller = {
    tree: compartmentTree(found.compartments),
    policies: found.policies.map(compiledPolicy),
    principal: { kind: 'user', id: userId, name: 'admin', tenancyId: id, groups, dynamicGroups: [] },
    credentials: `${id}/${userId}/key`,
    signature: Buffer.from(userId),
  }
  callers.set(found, caller)
  return caller
}
