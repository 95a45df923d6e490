import { KmsError } from '../../../errors.ts'
import type { Mutation } from '../../mutation.ts'
import type { IdentityPorts } from '../changeIdentity.ts'
import { identitySk, type TagNamespaceRow } from '../identityRows.ts'
import { createTagging, deleteTagging, updateTagging } from './taggingRows.ts'
import { namespacesIn, requireNoDefaults, tagsIn, type TaggingInput } from '../taggingState.ts'

const maxNamespaces = 100

export type TagNamespaceInput = Omit<TaggingInput<'tagNamespace'>, 'isRetired' | 'retirements'>
export type TagNamespaceChange = Partial<
  Pick<TagNamespaceRow, 'description' | 'isRetired' | 'freeformTags' | 'definedTags'>
>

export function createTagNamespace(
  ports: IdentityPorts,
  tenancyId: string,
  mutation: Mutation,
  input: TagNamespaceInput,
): Promise<TagNamespaceRow> {
  return createTagging(ports, tenancyId, mutation, {
    kind: 'tagNamespace',
    compartmentId: input.compartmentId,
    isAsked: (made) => made.name === input.name && made.compartmentId === input.compartmentId,
    make: (state) => {
      const namespaces = namespacesIn(state)
      const folded = input.name.toLowerCase()
      if (namespaces.some(({ name }) => name.toLowerCase() === folded)) {
        throw new KmsError(
          'nameAlreadyExists',
          'A tag namespace of this name exists in the tenancy, perhaps a retired one; choose another name, whatever its case.',
        )
      }
      if (namespaces.length >= maxNamespaces) {
        throw new KmsError('limitExceeded', `A tenancy has at most ${maxNamespaces} tag namespaces; delete one first.`)
      }
      return { ...input, isRetired: false, retirements: 0 }
    },
  })
}

/** Its keys are retired with it and, as in OCI, not taken into use again with it: each is for itself. */
export function updateTagNamespace(
  ports: IdentityPorts,
  tenancyId: string,
  mutation: Mutation,
  id: string,
  change: TagNamespaceChange,
): Promise<TagNamespaceRow> {
  return updateTagging(ports, tenancyId, mutation, {
    kind: 'tagNamespace',
    id,
    change: ({ isRetired, retirements }) => ({
      ...change,
      retirements: retirements + (change.isRetired === true && !isRetired ? 1 : 0),
    }),
  })
}

export function changeTagNamespaceCompartment(
  ports: IdentityPorts,
  tenancyId: string,
  mutation: Mutation,
  id: string,
  compartmentId: string,
): Promise<TagNamespaceRow> {
  return updateTagging(ports, tenancyId, mutation, {
    kind: 'tagNamespace',
    id,
    into: compartmentId,
    change: () => ({ compartmentId }),
  })
}

/** An empty one. */
export async function deleteTagNamespace(
  ports: IdentityPorts,
  tenancyId: string,
  mutation: Mutation,
  id: string,
): Promise<void> {
  await deleteTagging(ports, tenancyId, mutation, {
    kind: 'tagNamespace',
    id,
    alsoGoes: ({ name }, state) => {
      const keys = tagsIn(state, id).length
      if (keys === 0) return []
      const has = keys === 1 ? 'a tag key' : `${keys} tag keys`
      throw new KmsError(
        'conflict',
        `The tag namespace ${name} has ${has}; delete them first, or retire it and delete it with them (CascadeDeleteTagNamespace).`,
      )
    },
  })
}

/** A retired one, with its keys. Resolves with the OCID of the work request. */
export function cascadeDeleteTagNamespace(
  ports: IdentityPorts,
  tenancyId: string,
  mutation: Mutation,
  id: string,
): Promise<string> {
  return deleteTagging(ports, tenancyId, mutation, {
    kind: 'tagNamespace',
    id,
    work: 'DELETE_NON_EMPTY_TAG_NAMESPACE',
    alsoGoes: ({ name, isRetired }, state) => {
      if (!isRetired) throw new KmsError('conflict', `The tag namespace ${name} is in use; retire it first.`)
      const tags = tagsIn(state, id)
      requireNoDefaults(state, `A key of the tag namespace ${name} has`, tags)
      return tags.map((tag) => identitySk.tag(tag.id))
    },
  })
}
