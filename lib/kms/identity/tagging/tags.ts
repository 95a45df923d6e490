import { KmsError } from '../../../errors.ts'
import type { Mutation } from '../../mutation.ts'
import type { IdentityPorts } from '../changeIdentity.ts'
import type { TagNamespaceRow, TagRow } from '../identityRows.ts'
import { createTagging, deleteTagging, updateTagging } from './taggingRows.ts'
import {
  defaultsIn,
  isTagRetired,
  requireNoDefaults,
  requireTagging,
  tagNamed,
  tagsIn,
  type TaggingInput,
} from '../taggingState.ts'
import type { TenancyState } from '../tenancyState.ts'

/** All of them go with their namespace in one transaction of DynamoDB's, which has a hundred rows. OCI's limit is 100. */
const maxTags = 90

export type TagInput = Omit<TaggingInput<'tag'>, 'isRetired' | 'retirements'>
export type TagChange = Partial<Omit<TagInput, 'tagNamespaceId' | 'name'> & Pick<TagRow, 'isRetired'>>

export function createTag(
  ports: IdentityPorts,
  tenancyId: string,
  mutation: Mutation,
  namespace: TagNamespaceRow,
  input: TagInput,
): Promise<TagRow> {
  return createTagging(ports, tenancyId, mutation, {
    kind: 'tag',
    compartmentId: namespace.compartmentId,
    isAsked: (made) => made.name === input.name && made.tagNamespaceId === namespace.id,
    make: (state) => {
      const { name, isRetired, retirements } = requireTagging(state, 'tagNamespace', namespace.id)
      if (isRetired) throw retired(name)
      if (tagNamed(state, namespace.id, input.name) !== undefined) {
        throw new KmsError(
          'nameAlreadyExists',
          'A tag key of this name exists in the namespace, perhaps a retired one; choose another name, whatever its case.',
        )
      }
      if (tagsIn(state, namespace.id).length >= maxTags) {
        throw new KmsError('limitExceeded', `A tag namespace has at most ${maxTags} tag keys; delete one first.`)
      }
      return { ...input, isRetired: false, retirements }
    },
  })
}

export function updateTag(
  ports: IdentityPorts,
  tenancyId: string,
  mutation: Mutation,
  id: string,
  change: TagChange,
): Promise<TagRow> {
  return updateTagging(ports, tenancyId, mutation, {
    kind: 'tag',
    id,
    change: (tag, state) => {
      const namespace = requireTagging(state, 'tagNamespace', tag.tagNamespaceId)
      requireDefaultsFit(state, { ...tag, ...change })
      if (change.isRetired !== false || !isTagRetired(tag, namespace)) return change
      if (namespace.isRetired) throw retired(namespace.name)
      return { ...change, retirements: namespace.retirements }
    },
  })
}

/** A retired one, of which no default is left. Resolves with the OCID of the work request. */
export function deleteTag(ports: IdentityPorts, tenancyId: string, mutation: Mutation, id: string): Promise<string> {
  return deleteTagging(ports, tenancyId, mutation, {
    kind: 'tag',
    id,
    work: 'DELETE_TAG_DEFINITION',
    alsoGoes: (tag, state) => {
      const namespace = requireTagging(state, 'tagNamespace', tag.tagNamespaceId)
      if (!isTagRetired(tag, namespace)) {
        throw new KmsError('conflict', `The tag key ${namespace.name}.${tag.name} is in use; retire it first.`)
      }
      requireNoDefaults(state, `The tag key ${namespace.name}.${tag.name} has`, [tag])
      return []
    },
  })
}

function requireDefaultsFit(state: TenancyState, { id, name, values }: TagRow): void {
  if (values === null) return
  const of = defaultsIn(state).find(
    ({ tagId, isRequired, value }) => tagId === id && !isRequired && !values.includes(value),
  )
  if (of === undefined) return
  throw new KmsError(
    'conflict',
    `A tag default of the key ${name} in the compartment ${of.compartmentId} has a value that the list lacks; change that first.`,
  )
}

function retired(name: string): KmsError {
  return new KmsError('conflict', `The tag namespace ${name} is retired; take it into use again first.`)
}
