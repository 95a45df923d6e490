import { KmsError } from '../../../errors.ts'
import type { Mutation } from '../../mutation.ts'
import type { IdentityPorts } from '../changeIdentity.ts'
import type { TagDefaultRow, TagRow } from '../identityRows.ts'
import { requireTagVariables } from './definedTags.ts'
import { createTagging, deleteTagging, updateTagging } from './taggingRows.ts'
import { defaultsIn, isTagRetired, requireTagging, type TaggingInput } from '../taggingState.ts'

const maxDefaults = 5

export function createTagDefault(
  ports: IdentityPorts,
  tenancyId: string,
  mutation: Mutation,
  input: TaggingInput<'tagDefault'>,
): Promise<TagDefaultRow> {
  const { compartmentId, tagId } = input
  return createTagging(ports, tenancyId, mutation, {
    kind: 'tagDefault',
    compartmentId,
    isAsked: (made) => made.compartmentId === compartmentId && made.tagId === tagId,
    make: (state) => {
      const tag = requireTagging(state, 'tag', tagId)
      if (isTagRetired(tag, requireTagging(state, 'tagNamespace', tag.tagNamespaceId))) {
        throw new KmsError('conflict', `The tag key ${tag.name} is retired; take it into use again first.`)
      }
      requireTaken(tag, input)
      const here = defaultsIn(state).filter((each) => each.compartmentId === compartmentId)
      if (here.some((each) => each.tagId === tagId)) {
        throw new KmsError(
          'nameAlreadyExists',
          'The compartment has a tag default of this key already; update that one.',
        )
      }
      if (here.length >= maxDefaults) {
        throw new KmsError('limitExceeded', `A compartment has at most ${maxDefaults} tag defaults; delete one first.`)
      }
      return input
    },
  })
}

export function updateTagDefault(
  ports: IdentityPorts,
  tenancyId: string,
  mutation: Mutation,
  id: string,
  change: Partial<Pick<TagDefaultRow, 'value' | 'isRequired'>>,
): Promise<TagDefaultRow> {
  return updateTagging(ports, tenancyId, mutation, {
    kind: 'tagDefault',
    id,
    change: (row, state) => {
      requireTaken(requireTagging(state, 'tag', row.tagId), { ...row, ...change })
      return change
    },
  })
}

/** What was made under it keeps its tag. */
export async function deleteTagDefault(
  ports: IdentityPorts,
  tenancyId: string,
  mutation: Mutation,
  id: string,
): Promise<void> {
  await deleteTagging(ports, tenancyId, mutation, { kind: 'tagDefault', id, alsoGoes: () => [] })
}

/** Of a required one the value is whoever's who makes something. */
function requireTaken({ name, values }: TagRow, of: Pick<TagDefaultRow, 'value' | 'isRequired'>): void {
  // What a required one says is set on nothing.
  if (of.isRequired) return
  if (of.value === '') throw new KmsError('invalidParameter', 'value must not be empty where isRequired is false.')
  requireTagVariables(of.value)
  if (values === null || values.includes(of.value)) return
  throw new KmsError('invalidParameter', `value is none of those that the tag key ${name} takes.`)
}
