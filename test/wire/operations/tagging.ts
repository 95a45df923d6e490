import { randomBytes, randomUUID } from 'node:crypto'
import { newOcid } from '../../../lib/ocid.ts'
import type { OciCloud } from '../ociCloud.ts'
import type { Target } from './stage.ts'

export type Tagging = Pick<Target, 'tagNamespaceId' | 'taggingWorkRequestId'>

/** A tag namespace, and what became of one that was deleted with its keys. */
export async function tagging(oci: OciCloud): Promise<Tagging> {
  const { tagNamespaceId } = await newTagNamespace(oci)
  const { tagNamespaceId: doomed } = await retiredTagNamespace(oci)
  const { opcWorkRequestId } = await oci.identity().cascadeDeleteTagNamespace({ tagNamespaceId: doomed })
  return { tagNamespaceId, taggingWorkRequestId: opcWorkRequestId }
}

/** Ids that nothing has. */
export function noTagging(): Tagging {
  return {
    tagNamespaceId: newOcid(randomBytes, 'tagnamespace'),
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
