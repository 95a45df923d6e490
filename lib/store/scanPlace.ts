import { parseJson } from '../parseJson.ts'

/** Where a scan goes on: behind an item's keys, as the text of a page's `next`. */
export interface ScanPlace {
  readonly pk: string
  readonly sk: string
}

export function scanNext({ pk, sk }: ScanPlace): string {
  return JSON.stringify([pk, sk])
}

/** @throws RangeError where the text is of no page of a scan: no caller of the service can give one. */
export function scanPlace(after: string): ScanPlace {
  const place: unknown = parseJson(after)
  const [pk, sk] = Array.isArray(place) ? (place as readonly unknown[]) : []
  if (typeof pk !== 'string' || typeof sk !== 'string') throw new RangeError('A scan goes on behind a page of its own.')
  return { pk, sk }
}
