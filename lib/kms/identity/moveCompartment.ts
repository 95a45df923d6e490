import { KmsError } from '../../errors.ts'
import { newOcid } from '../../ocid.ts'
import { newEtag, type Mutation } from '../mutation.ts'
import { changeIdentity, type IdentityPorts } from './changeIdentity.ts'
import { compartmentStands, requireCompartmentActive } from './compartmentContents.ts'
import { levelsOf, pathUp, requireDepth } from './compartmentDepth.ts'
import { compartmentEffect, compartmentOfEarlier, renaming, requireSubcompartment } from './compartments.ts'
import type { SubcompartmentRow } from './identityRows.ts'
import { tenancyState } from './tenancyState.ts'

/**
 * A compartment goes to another parent with all that is in it; policies at its former ancestors reach it no more. It is
 * done when it is answered. Resolves with the row, which names the work request.
 */
export function moveCompartment(
  ports: IdentityPorts,
  tenancyId: string,
  mutation: Mutation,
  compartmentId: string,
  parentId: string,
): Promise<SubcompartmentRow> {
  const etag = newEtag(ports.random)
  const workRequestId = newOcid(ports.random, 'workrequest')
  const now = new Date(ports.clock()).toISOString()
  const result = () => requireSubcompartment(ports, tenancyId, compartmentId)
  return changeIdentity<SubcompartmentRow, SubcompartmentRow>(ports, tenancyId, mutation, {
    resourceId: compartmentId,
    earlier: (earlier) => compartmentOfEarlier(ports, tenancyId, earlier),
    load: result,
    etagOf: (compartment) => compartment.etag,
    judge: async (compartment) => {
      await requireCompartmentActive(ports, tenancyId, compartmentId)
      await requireCompartmentActive(ports, tenancyId, parentId)
      if (compartment.parentId === parentId) return { standing: compartment }
      const state = await tenancyState(ports, tenancyId)
      if (pathUp(state, parentId).includes(compartmentId)) {
        throw new KmsError('invalidParameter', 'A compartment cannot go into itself or into one below it.')
      }
      requireDepth(state, parentId, levelsOf(state, compartmentId))
      const work = { operationType: 'MOVE_COMPARTMENT', timeAccepted: now, timeFinished: now, error: null } as const
      const row = { ...compartment, parentId, etag, workRequestId, work }
      return {
        ...(await renaming(ports, tenancyId, compartment, row)),
        effect: {
          ...compartmentEffect(row, compartment),
          previous: { compartmentId: compartment.parentId },
          current: { compartmentId: parentId },
        },
        etag,
        also: () => compartmentStands(tenancyId, parentId),
        result,
      }
    },
  })
}
