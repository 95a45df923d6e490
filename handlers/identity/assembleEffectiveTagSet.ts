import { authorizedCompartment } from '../../lib/http/authorize.ts'
import { requiredOcid } from '../../lib/http/fields.ts'
import { bodyless } from '../../lib/http/operation.ts'
import { effectiveDefaults } from '../../lib/kms/identity/taggingState.ts'
import { toTagDefault } from './tagDefaultWire.ts'
import { lifecycleAsked } from './tenancyWide.ts'

/** What is made in a compartment gets: its own defaults, and those from above of other keys. */
export const assembleEffectiveTagSetOperation = bodyless('AssembleEffectiveTagSet', async (request) => {
  const { query, caller } = request
  const compartmentId = requiredOcid(query, 'compartmentId')
  authorizedCompartment(request, compartmentId)
  const state = await request.ports.identity.state(caller.principal.tenancyId)
  const effective = effectiveDefaults(state, caller.tree.ancestors(compartmentId))
  return { body: lifecycleAsked(query)('ACTIVE') ? effective.map((row) => toTagDefault(row, state)) : [] }
})
