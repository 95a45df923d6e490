import { named, type Stage, type Target } from './stage.ts'
import { listed, someText, type Subject } from './subject.ts'
import { newTagNamespace, retiredTagNamespace } from './tagging.ts'

/** Tag namespaces, and the work requests of what deletes tags. */
export const tagNamespaceSubjects = {
  ListTagNamespaces: {
    call: (who, { region, compartmentId }) => who.identity(region).listTagNamespaces({ compartmentId }),
    answers: { items: listed({ lifecycleState: 'ACTIVE', isRetired: false }) },
    about: 'compartment',
  },
  CreateTagNamespace: {
    call: (who, { region, compartmentId, name }, conditions) => {
      const createTagNamespaceDetails = { compartmentId, name, description: 'd' }
      return who.identity(region).createTagNamespace({ createTagNamespaceDetails, ...conditions })
    },
    fresh: named,
    answers: { tagNamespace: { lifecycleState: 'ACTIVE', isRetired: false } },
    about: 'compartment',
    takes: ['opc-retry-token'],
    body: ({ compartmentId }) => ({
      compartmentId,
      name: 'n',
      description: 'd',
      freeformTags: {},
      definedTags: {},
    }),
    required: ['compartmentId', 'name', 'description'],
    homeRegionOnly: true,
  },
  GetTagNamespace: {
    call: (who, { region, tagNamespaceId }) => who.identity(region).getTagNamespace({ tagNamespaceId }),
    answers: { tagNamespace: { lifecycleState: 'ACTIVE', description: 'd' } },
    about: 'tagNamespace',
  },
  UpdateTagNamespace: {
    call: (who, { region, tagNamespaceId }, conditions) => {
      const updateTagNamespaceDetails = { description: 'other' }
      return who.identity(region).updateTagNamespace({ tagNamespaceId, updateTagNamespaceDetails, ...conditions })
    },
    fresh: freshNamespace,
    answers: { tagNamespace: { description: 'other' } },
    about: 'tagNamespace',
    body: () => ({ description: 'other', isRetired: false, freeformTags: {}, definedTags: {} }),
    homeRegionOnly: true,
  },
  ChangeTagNamespaceCompartment: {
    call: (who, { region, tagNamespaceId, subcompartmentId: compartmentId }, conditions) => {
      const changeTagNamespaceCompartmentDetail = { compartmentId }
      const request = { tagNamespaceId, changeTagNamespaceCompartmentDetail, ...conditions }
      return who.identity(region).changeTagNamespaceCompartment(request)
    },
    fresh: freshNamespace,
    answers: { opcRequestId: someText },
    about: 'tagNamespace',
    takes: ['opc-retry-token'],
    body: ({ subcompartmentId }) => ({ compartmentId: subcompartmentId }),
    required: ['compartmentId'],
    homeRegionOnly: true,
  },
  DeleteTagNamespace: {
    call: (who, { region, tagNamespaceId }, conditions) =>
      who.identity(region).deleteTagNamespace({ tagNamespaceId, ...conditions }),
    fresh: freshNamespace,
    answers: {},
    about: 'tagNamespace',
    takes: ['if-match'],
    homeRegionOnly: true,
  },
  CascadeDeleteTagNamespace: {
    call: (who, { region, tagNamespaceId }, conditions) =>
      who.identity(region).cascadeDeleteTagNamespace({ tagNamespaceId, ...conditions }),
    fresh: async ({ oci, ready }) => ({ ...ready, ...(await retiredTagNamespace(oci)) }),
    answers: { opcWorkRequestId: someText },
    about: 'tagNamespace',
    takes: ['if-match', 'opc-retry-token'],
    homeRegionOnly: true,
  },
  GetTaggingWorkRequest: {
    call: (who, { region, taggingWorkRequestId: workRequestId }) =>
      who.identity(region).getTaggingWorkRequest({ workRequestId }),
    answers: { taggingWorkRequest: { operationType: 'DELETE_NON_EMPTY_TAG_NAMESPACE', status: 'SUCCEEDED' } },
    about: 'workRequest',
  },
  ListTaggingWorkRequestErrors: {
    call: (who, { region, taggingWorkRequestId: workRequestId }) =>
      who.identity(region).listTaggingWorkRequestErrors({ workRequestId }),
    answers: { items: [] },
    about: 'workRequest',
  },
  ListTaggingWorkRequestLogs: {
    call: (who, { region, taggingWorkRequestId: workRequestId }) =>
      who.identity(region).listTaggingWorkRequestLogs({ workRequestId }),
    answers: { items: listed({ message: 'Ended: SUCCEEDED.' }) },
    about: 'workRequest',
  },
} as const satisfies Record<string, Subject>

async function freshNamespace({ oci, ready }: Stage): Promise<Target> {
  return { ...ready, ...(await newTagNamespace(oci)) }
}
