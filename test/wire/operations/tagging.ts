import { randomBytes, randomUUID } from 'node:crypto'
import { newOcid } from '../../../lib/ocid.ts'
import type { OciCloud } from '../ociCloud.ts'
import type { Target } from './stage.ts'

export type Tagging = Pick<
  Target,
  'tagNamespaceId' | 'tagName' | 'tagDefinitionId' | 'tagDefaultId' | 'taggingWorkRequestId'
>

/** A tag namespace with a key that has a default, and what became of one that was deleted with its keys. */
export async function tagging(oci: OciCloud): Promise<Tagging> {
  const { tagNamespaceId } = await newTagNamespace(oci)
  const tag = await newTag(oci, tagNamespaceId)
  const { tagNamespaceId: doomed } = await retiredTagNamespace(oci)
  const { opcWorkRequestId } = await oci.identity().cascadeDeleteTagNamespace({ tagNamespaceId: doomed })
  const tagDefault = await newTagDefault(oci, oci.tenancyId, tag.tagDefinitionId)
  return { tagNamespaceId, ...tag, ...tagDefault, taggingWorkRequestId: opcWorkRequestId }
}

/** Ids that nothing has. */
export function noTagging(): Tagging {
  return {
    tagNamespaceId: newOcid(randomBytes, 'tagnamespace'),
    tagName: 'none',
    tagDefinitionId: newOcid(randomBytes, 'tagdefinition'),
    tagDefaultId: newOcid(randomBytes, 'tagdefault'),
    taggingWorkRequestId: newOcid(randomBytes, 'workrequest'),
  }
}

export async function newTagNamespace(oci: OciCloud): Promise<Pick<Tagging, 'tagNamespaceId'>> {
  const createTagNamespaceDetails = { compartmentId: oci.tenancyId, name: randomUUID(), description: 'd' }
  const { tagNamespace } = await oci.identity().createTagNamespace({ createTagNamespaceDetails })
  return { tagNamespaceId: tagNamespace.id }
}

export async function retiredTagNamespace(oci: OciCloud): Promise<Pick<Tagging, 'tagNamespaceId'>> {
  const { tagNamespaceId } = await newTagNamespace(oci)
  await oci.identity().updateTagNamespace({ tagNamespaceId, updateTagNamespaceDetails: { isRetired: true } })
  return { tagNamespaceId }
}

export async function newTag(
  oci: OciCloud,
  tagNamespaceId: string,
): Promise<Pick<Tagging, 'tagName' | 'tagDefinitionId'>> {
  const createTagDetails = { name: randomUUID(), description: 'd' }
  const { tag } = await oci.identity().createTag({ tagNamespaceId, createTagDetails })
  return { tagName: tag.name, tagDefinitionId: tag.id }
}

export async function newTagDefault(
  oci: OciCloud,
  compartmentId: string,
  tagDefinitionId: string,
): Promise<Pick<Tagging, 'tagDefaultId'>> {
  const createTagDefaultDetails = { compartmentId, tagDefinitionId, value: 'v' }
  return { tagDefaultId: (await oci.identity().createTagDefault({ createTagDefaultDetails })).tagDefault.id }
}
