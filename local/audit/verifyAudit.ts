import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { KeyObject } from 'node:crypto'
import { signaturesUnder } from '../../lib/hsm/formats/statement.ts'
import { p384PublicKey } from '../../lib/hsm/primitives/p384.ts'
import { checkAudit, type AuditReport, type StoredAudit } from '../../lib/kms/auditChain/checkAudit.ts'
import type { Signatures } from '../../lib/kms/auditChain/checkHeads.ts'
import { realm } from '../../lib/ocid.ts'
import { UserError } from '../../lib/userError.ts'
import { namesIn } from '../doctor/patient.ts'
import { readRoot } from '../directory/readRoot.ts'
import { readExport } from './exportFile.ts'
import { storeAudits } from './storeAudit.ts'

/** What was checked, and with which root. */
export interface AuditVerdict {
  readonly reports: readonly AuditReport[]
  /** Whether the root came from what was checked, so that whoever wrote that could have made it. */
  readonly isOwnRoot: boolean
}

interface Source {
  readonly audits: readonly StoredAudit[]
  /** PEM of the root that it names. */
  readonly trustRoot: string | undefined
}

/**
 * Checks data directories, exports or both. Those of several machines together: each may hold what the others were told.
 * `root`: a file that holds the tenancy's. `now`: Unix milliseconds. @throws UserError
 */
export async function verifyAudit(
  paths: readonly string[],
  { root, now }: { readonly root?: string; readonly now: number },
): Promise<AuditVerdict> {
  const seconds = now / 1000
  const sources = [
    ...storeSource(
      paths.filter((path) => kindOf(path) === 'store'),
      seconds,
    ),
    ...paths.filter((path) => kindOf(path) === 'export').flatMap(exportSources),
  ]
  const pinned = root === undefined ? undefined : readRoot(root)
  if (root !== undefined && pinned === undefined) throw new UserError(`${root} holds no P-384 public key in PEM.`)
  const told = sources.flatMap(({ audits }) => audits.flatMap((audit) => audit.told))
  const reports: AuditReport[] = []
  for (const { audits, trustRoot } of sources)
    for (const audit of audits) {
      const all = { ...audit, told: told.filter(({ head }) => head.region === audit.region) }
      const signatures = signaturesOf(pinned ?? keyIn(trustRoot), all)
      reports.push(await checkAudit(all, signatures, seconds))
    }
  return { reports, isOwnRoot: pinned === undefined }
}

function signaturesOf(root: KeyObject | undefined, { region, heads, told }: StoredAudit): Signatures {
  if (root !== undefined) return signaturesUnder(root, realm)
  if (heads.length + told.length > 0)
    throw new UserError(
      `The tenancy’s root, by which ${region} is believed, is not known: name a file that holds it with --root.`,
    )
  // An older version left no root, and no head.
  return { isStatement: async () => false, isSignedBy: async () => false }
}

function keyIn(pem: string | undefined): KeyObject | undefined {
  return pem === undefined ? undefined : p384PublicKey(pem)
}

function kindOf(path: string): 'store' | 'export' {
  if (!existsSync(path)) throw new UserError(`There is no ${path}.`)
  if (!statSync(path).isDirectory()) return 'export'
  if (namesIn(join(path, 'regions')).some((name) => name.endsWith('.db'))) return 'store'
  if (exportsIn(path).length > 0) return 'export'
  throw new UserError(`${path} holds no data directory of the service, and no export of its audit.`)
}

function exportsIn(directory: string): readonly string[] {
  return namesIn(directory).filter((name) => name.endsWith('.jsonl'))
}

function storeSource(directories: readonly string[], seconds: number): readonly Source[] {
  if (directories.length === 0) return []
  const roots = directories.map((directory) => (hasRoot(directory) ? readRoot(directory) : undefined))
  const root = roots.find((found) => found !== undefined)
  return [
    { audits: storeAudits(directories, seconds), trustRoot: root?.export({ type: 'spki', format: 'pem' }).toString() },
  ]
}

export function hasRoot(directory: string): boolean {
  return existsSync(join(directory, 'tenancyRoot.pem'))
}

function exportSources(path: string): readonly Source[] {
  const files = statSync(path).isDirectory() ? exportsIn(path).map((name) => join(path, name)) : [path]
  return files
    .flatMap(readExport)
    .map(({ audit, trustRoot }) => ({ audits: [audit], trustRoot: trustRoot ?? undefined }))
}
