import { existsSync, readFileSync, rmSync } from 'node:fs'
import { writeFileDurably } from '../../lib/durableFile.ts'
import type { HostDirectory } from './hostDirectory.ts'

/** Where others find the service that uses a directory: `endpoints.json`. */
export interface EndpointsFile {
  readonly regions: readonly { readonly region: string; readonly endpoint: string }[]
  readonly homeRegion: string
  readonly tenancyId: string
  readonly rootCompartmentId: string
  /** The file of the authority whom clients are to trust, where the service has made one. */
  readonly authority?: string
}

/** Returns what puts back the file that was there before. */
export function writeEndpoints(directory: Pick<HostDirectory, 'file'>, endpoints: EndpointsFile): () => void {
  const file = directory.file('endpoints.json')
  if (file === undefined) return () => undefined
  const before = existsSync(file) ? readFileSync(file, 'utf8') : undefined
  writeFileDurably(file, `${JSON.stringify(endpoints, undefined, 2)}\n`, { mode: 0o644 })
  return () => {
    if (before === undefined) rmSync(file)
    else writeFileDurably(file, before, { mode: 0o644 })
  }
}

/** `tenancyRoot.pem`: what proofs of arrival are checked with (docs/operating.md). */
export function writeTrustRoot(directory: HostDirectory, pem: string): void {
  const file = directory.file('tenancyRoot.pem')
  if (file !== undefined) writeFileDurably(file, pem, { mode: 0o644 })
}
