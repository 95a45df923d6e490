import { KmsError } from '../../errors.ts'
import { newEtag, type Mutation } from '../mutation.ts'
import { changeIdentity, type IdentityPorts } from './changeIdentity.ts'
import { compartmentStands, requireCompartmentActive } from './compartmentContents.ts'
import { requireDepth } from './compartmentDepth.ts'
import { compartmentEffect, compartmentOfEarlier, requireNameFree, requireSubcompartment } from './compartments.ts'
import { identitySk, type SubcompartmentRow } from './identityRows.ts'
import { tenancyState } from './tenancyState.ts'

/** A DELETED compartment is ACTIVE again, empty as it went, under its name, where nobody else has that now. */
export function recoverCompartment(
  ports: IdentityPorts,
  tenancyId: string,
  mutation: Mutation,
  compartmentId: string,
): Promise<SubcompartmentRow> {
  const etag = newEtag(ports.random)
  const result = () => requireSubcompartment(ports, tenancyId, compartmentId)
  return changeIdentity<SubcompartmentRow, SubcompartmentRow>(ports, tenancyId, mutation, {
    resourceId: compartmentId,
    earlier: (earlier) => compartmentOfEarlier(ports, tenancyId, earlier),
    load: result,
    etagOf: (compartment) => compartment.etag,
    judge: async (compartment) => {
      const { lifecycleState, parentId, name } = compartment
      if (lifecycleState !== 'DELETED') {
        const code = lifecycleState === 'DELETING' ? 'incorrectState' : 'conflict'
        throw new KmsError(code, `The compartment is ${lifecycleState}; one that is DELETED can be recovered.`)
      }
      await requireCompartmentActive(ports, tenancyId, parentId)
      requireDepth(await tenancyState(ports, tenancyId), parentId)
      const nameSk = identitySk.compartmentName(parentId, name)
      await requireNameFree(ports, tenancyId, nameSk)
      const row = { ...compartment, lifecycleState: 'ACTIVE', etag } as const
      return {
        puts: [row, { sk: nameSk, kind: 'compartmentName', compartmentId }],
        absent: [nameSk],
        effect: compartmentEffect(row, compartment),
        etag,
        also: () => compartmentStands(tenancyId, parentId),
        result,
      }
    },
  })
}
