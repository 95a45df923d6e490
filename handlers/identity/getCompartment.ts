import { bodyless } from '../../lib/http/operation.ts'
import { accessibleCompartments, authorizedCompartmentRow, toCompartment } from './compartmentWire.ts'

/** Also the tenancy, which never changes and so has no etag. */
export const getCompartmentOperation = bodyless('GetCompartment', async (request) => {
  const row = await authorizedCompartmentRow(request)
  const accessible = await accessibleCompartments(request)
  const body = toCompartment(row, accessible.has(row.id))
  return row.parentId === null ? { body } : { body, headers: { etag: row.etag } }
})
