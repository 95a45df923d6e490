import { existsSync, readFileSync, rmSync } from 'node:fs'
import type { HostDirectory } from './hostDirectory.ts'
import { writeFileAtomically } from './writeFileAtomically.ts'

/** Where others find the service that uses a directory: `endpoints.json`. */
export interface EndpointsFile {
  readonly regions: readonly { readonly region: string; readonly endpoint: string }[]
  readonly homeRegion: string
  readonly tenancyId: string
  readonly rootCompartmentId: string
}

/** Returns what puts back the file that was there before. */
export function writeEndpoints(directory: HostDirectory, endpoints: EndpointsFile): () => void {
  const file = directory.file('endpoints.json')
  if (file === undefined) return () => undefined
  const before = existsSync(file) ? readFileSync(file, 'utf8') : undefined
  writeFileAtomically(file, `${JSON.stringify(endpoints, undefined, 2)}\n`, 0o644)
  return () => {
    if (before === undefined) rmSync(file)
    else writeFileAtomically(file, before, 0o644)
  }
}

/** `tenancyRoot.pem`: what proofs of arrival are checked with (docs/operating.md). */
export function writeTrustRoot(directory: HostDirectory, pem: string): void {
  const file = directory.file('tenancyRoot.pem')
  if (file !== undefined) writeFileAtomically(file, pem, 0o644)
}
