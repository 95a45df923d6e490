import { named, type Stage, type Target } from './stage.ts'
import { listed, someText, type Subject } from './subject.ts'
import { newTag } from './tagging.ts'

const validator = { validatorType: 'ENUM', values: ['a', 'b'] }

/** The keys of tag namespaces. */
export const tagSubjects = {
  ListTags: {
    call: (who, { region, tagNamespaceId }) => who.identity(region).listTags({ tagNamespaceId }),
    answers: { items: listed({ lifecycleState: 'ACTIVE', isRetired: false }) },
    about: 'tagNamespace',
  },
  CreateTag: {
    call: (who, { region, tagNamespaceId, name }, conditions) => {
      const createTagDetails = { name, description: 'd', validator }
      return who.identity(region).createTag({ tagNamespaceId, createTagDetails, ...conditions })
    },
    fresh: named,
    answers: { tag: { lifecycleState: 'ACTIVE', isRetired: false, isCostTracking: false, validator } },
    about: 'tagNamespace',
    takes: ['opc-retry-token'],
    body: () => ({
      name: 'n',
      description: 'd',
      isCostTracking: true,
      validator,
      freeformTags: {},
      definedTags: {},
    }),
    required: ['name', 'description'],
    homeRegionOnly: true,
  },
  GetTag: {
    call: (who, { region, tagNamespaceId, tagName }) => who.identity(region).getTag({ tagNamespaceId, tagName }),
    answers: { tag: { lifecycleState: 'ACTIVE', tagNamespaceName: someText } },
    about: 'tagNamespace',
  },
  UpdateTag: {
    call: (who, { region, tagNamespaceId, tagName }, conditions) => {
      const updateTagDetails = { description: 'other', validator }
      return who.identity(region).updateTag({ tagNamespaceId, tagName, updateTagDetails, ...conditions })
    },
    fresh: freshTag,
    answers: { tag: { description: 'other', validator } },
    about: 'tagNamespace',
    takes: ['if-match'],
    body: () => ({
      description: 'other',
      isRetired: false,
      isCostTracking: false,
      validator,
      freeformTags: {},
      definedTags: {},
    }),
    homeRegionOnly: true,
  },
  DeleteTag: {
    call: (who, { region, tagNamespaceId, tagName }, conditions) =>
      who.identity(region).deleteTag({ tagNamespaceId, tagName, ...conditions }),
    fresh: async (stage) => {
      const target = await freshTag(stage)
      const { tagNamespaceId, tagName } = target
      await stage.oci.identity().updateTag({ tagNamespaceId, tagName, updateTagDetails: { isRetired: true } })
      return target
    },
    answers: { opcWorkRequestId: someText },
    about: 'tagNamespace',
    takes: ['if-match'],
    homeRegionOnly: true,
  },
} as const satisfies Record<string, Subject>

async function freshTag({ oci, ready }: Stage): Promise<Target> {
  return { ...ready, ...(await newTag(oci, ready.tagNamespaceId)) }
}
