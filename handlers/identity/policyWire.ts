import * as v from 'valibot'
import { authorizedCompartment, refuseAbsent } from '../../lib/http/authorize.ts'
import { plainLines } from '../../lib/http/fields.ts'
import { operations } from '../../lib/http/operations.ts'
import type { Request } from '../../lib/http/operation.ts'
import { bindNames } from '../../lib/iam/bindNames.ts'
import { requireGrant } from '../../lib/iam/requireGrant.ts'
import { requireKnownWords } from '../../lib/iam/requireKnownWords.ts'
import { compilePolicy } from '../../lib/iam/policy.ts'
import { isDay, parseInstant } from '../../lib/calendar.ts'
import type { JsonObject } from '../../lib/canonicalJson.ts'
import { directoryOf } from '../../lib/kms/identity/directoryOf.ts'
import type { BoundPolicyNames, PolicyRow } from '../../lib/kms/identity/identityRows.ts'
import { policyById } from '../../lib/kms/identity/policies.ts'
import { shownTo } from './shownTo.ts'

export const statements = v.pipe(
  v.array(v.pipe(v.string(), v.maxLength(4000, 'a statement has at most 4000 characters'), plainLines)),
  v.minLength(1, 'at least one statement'),
  v.maxLength(50, 'at most 50 statements'),
)
export const versionDate = v.pipe(
  // Some clients write a day as a time.
  v.nullish(
    v.pipe(
      v.string(),
      v.check((text) => text === '' || isDay(text) || !Number.isNaN(parseInstant(text)), 'expected YYYY-MM-DD'),
    ),
  ),
  v.transform((date) => (date == null || date === '' ? null : date.slice(0, 10))),
)

/** Policy (contract §2.8). */
export function toPolicy(row: PolicyRow): JsonObject {
  const { id, compartmentId, name, description: text, statements: lines, timeCreated, versionDate: date } = row
  return {
    id,
    compartmentId,
    name,
    description: text,
    statements: lines,
    timeCreated,
    lifecycleState: 'ACTIVE',
    inactiveStatus: null,
    // A version before 0.2 took days that the calendar does not have, which no client can read.
    versionDate: date !== null && isDay(date) ? date : null,
    freeformTags: row.freeformTags,
    definedTags: row.definedTags,
  }
}

/** Who may touch a policy is decided where it is attached (contract §9.6). */
export async function authorizedPolicy(request: Request, policyId: string): Promise<PolicyRow> {
  request.target.resourceId = policyId
  const policy = await policyById(request.ports, request.caller.principal.tenancyId, policyId)
  if (policy === undefined) return refuseAbsent(request, { name: 'noSuchPolicy', policyId })
  authorizedCompartment(request, policy.compartmentId)
  request.target.resourceName = policy.name
  return policy
}

/** @throws KmsError invalidParameter with the place in the statement that does not parse; notImplemented. */
export function requireStatements({ ports }: Request, compartmentId: string, lines: readonly string[]): void {
  compilePolicy({ id: '', compartmentId, statements: lines })
  lines.forEach((line, index) => {
    requireGrant(line, index + 1)
    requireKnownWords(line, index + 1, { regions: ports.endpoints.regions, operations: permissionsOfOperations })
  })
}

const permissionsOfOperations = Object.fromEntries(
  Object.entries(operations).map(([name, { permissions }]) => [name, permissions]),
)

/** What the statements name, as of now. @throws KmsError invalidParameter for a name that is not there. */
export async function boundNames(
  request: Request,
  compartmentId: string,
  lines: readonly string[],
): Promise<BoundPolicyNames> {
  const { identity } = request.ports
  const { tenancyId } = request.caller.principal
  await identity.freshTenancy(tenancyId)
  const directory = directoryOf(await identity.state(tenancyId))
  return { ...bindNames({ compartmentId, statements: lines }, directory, shownTo(request)) }
}
