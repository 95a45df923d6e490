import { randomUUID } from 'node:crypto'
import type { Stage, Target } from './stage.ts'
import { listed, type Subject } from './subject.ts'
import { newTag, newTagDefault } from './tagging.ts'

/** Tag defaults. */
export const tagDefaultSubjects = {
  ListTagDefaults: {
    call: (who, { region, compartmentId }) => who.identity(region).listTagDefaults({ compartmentId }),
    answers: { items: listed({ lifecycleState: 'ACTIVE', value: 'v', isRequired: false }) },
    about: 'compartment',
  },
  AssembleEffectiveTagSet: {
    call: (who, { region, compartmentId }) => who.identity(region).assembleEffectiveTagSet({ compartmentId }),
    answers: { items: listed({ lifecycleState: 'ACTIVE', value: 'v' }) },
    about: 'compartment',
  },
  CreateTagDefault: {
    call: (who, { region, compartmentId, tagDefinitionId }, conditions) => {
      const createTagDefaultDetails = { compartmentId, tagDefinitionId, value: 'v' }
      return who.identity(region).createTagDefault({ createTagDefaultDetails, ...conditions })
    },
    fresh: withoutDefault,
    answers: { tagDefault: { lifecycleState: 'ACTIVE', value: 'v', isRequired: false } },
    about: 'compartment',
    takes: ['opc-retry-token'],
    body: ({ compartmentId, tagDefinitionId }) => ({ compartmentId, tagDefinitionId, value: 'v', isRequired: false }),
    required: ['compartmentId', 'tagDefinitionId', 'value'],
    homeRegionOnly: true,
  },
  GetTagDefault: {
    call: (who, { region, tagDefaultId }) => who.identity(region).getTagDefault({ tagDefaultId }),
    answers: { tagDefault: { lifecycleState: 'ACTIVE', value: 'v' } },
    about: 'tagDefault',
  },
  UpdateTagDefault: {
    call: (who, { region, tagDefaultId }, conditions) => {
      const updateTagDefaultDetails = { value: 'other' }
      return who.identity(region).updateTagDefault({ tagDefaultId, updateTagDefaultDetails, ...conditions })
    },
    fresh: withDefault,
    answers: { tagDefault: { value: 'other' } },
    about: 'tagDefault',
    takes: ['if-match'],
    body: () => ({ value: 'v', isRequired: false }),
    required: ['value'],
    homeRegionOnly: true,
  },
  DeleteTagDefault: {
    call: (who, { region, tagDefaultId }, conditions) =>
      who.identity(region).deleteTagDefault({ tagDefaultId, ...conditions }),
    fresh: withDefault,
    answers: {},
    about: 'tagDefault',
    takes: ['if-match'],
    homeRegionOnly: true,
  },
} as const satisfies Record<string, Subject>

/** A compartment and a key of their own: a compartment has few defaults. */
async function withoutDefault({ oci, ready }: Stage): Promise<Target> {
  const createCompartmentDetails = { compartmentId: oci.tenancyId, name: randomUUID(), description: 'd' }
  const { compartment } = await oci.identity().createCompartment({ createCompartmentDetails })
  return { ...ready, compartmentId: compartment.id, ...(await newTag(oci, ready.tagNamespaceId)) }
}

async function withDefault(stage: Stage): Promise<Target> {
  const target = await withoutDefault(stage)
  return { ...target, ...(await newTagDefault(stage.oci, target.compartmentId, target.tagDefinitionId)) }
}
