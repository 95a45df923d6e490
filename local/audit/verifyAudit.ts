import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { KeyObject } from 'node:crypto'
import { signaturesUnder } from '../../lib/hsm/formats/statement.ts'
import { p384PublicKey } from '../../lib/hsm/primitives/p384.ts'
import { headHash } from '../../lib/kms/auditChain/auditHead.ts'
import { checkAudit, type AuditReport, type StoredAudit } from '../../lib/kms/auditChain/checkAudit.ts'
import type { Signatures } from '../../lib/kms/signatures.ts'
import type { ToldHead } from '../../lib/kms/auditChain/checkHeads.ts'
import { realm } from '../../lib/ocid.ts'
import { UserError } from '../../lib/userError.ts'
import { namesIn } from '../doctor/patient.ts'
import { readRoot } from '../directory/readRoot.ts'
import { readExport } from './exportFile.ts'
import { withStoreAudits } from './storeAudit.ts'
import { readTableExport, tableFilesIn } from './tableExport.ts'

/** What was checked, and with which root. */
export interface AuditVerdict {
  readonly reports: readonly AuditReport[]
  /** Whether the root came from what was checked, so that whoever wrote that could have made it. */
  readonly isOwnRoot: boolean
}

interface Source {
  readonly audit: StoredAudit
  /** That it names. */
  readonly trustRoot: KeyObject | undefined
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
  const pinned = root === undefined ? undefined : readRoot(root)
  if (root !== undefined && pinned === undefined) throw new UserError(`${root} holds no P-384 public key in PEM.`)
  const stores = paths.filter((path) => kindOf(path) === 'store')
  const exported = [
    ...paths.filter((path) => kindOf(path) === 'export').flatMap(exportSources),
    ...paths.filter((path) => kindOf(path) === 'table').map(tableSource),
  ]
  const check = async (stored: readonly StoredAudit[]) => {
    const own = stored.map((audit) => ({ audit, trustRoot: rootIn(stores) }))
    const sources = [...own, ...exported]
    const toldOf = toldByRegion(sources)
    const reports: AuditReport[] = []
    for (const { audit, trustRoot } of sources) {
      const all = { ...audit, told: toldOf.get(audit.region) ?? [] }
      reports.push(await checkAudit(all, signaturesOf(pinned ?? trustRoot, all), seconds))
    }
    const anyRoot = pinned ?? sources.find(({ trustRoot }) => trustRoot !== undefined)?.trustRoot
    const isHere = (region: string) => sources.some(({ audit }) => audit.region === region)
    for (const [region, told] of toldOf)
      if (!isHere(region)) reports.push(...(await checkAbsent(region, told, anyRoot, seconds)))
    return reports
  }
  return { reports: await withStoreAudits(stores, check), isOwnRoot: pinned === undefined }
}

/** What any of them was told of a region, once. */
function toldByRegion(sources: readonly Source[]): ReadonlyMap<string, readonly ToldHead[]> {
  const told = sources.flatMap(({ audit }) => audit.told)
  const each = new Map(told.map((row) => [`${row.peer} ${headHash(row.head)}`, row]))
  return Map.groupBy(each.values(), ({ head }) => head.region)
}

/** A region of which nothing is here but what others were told: no report where that is nothing that is signed and still kept. */
async function checkAbsent(
  region: string,
  told: readonly ToldHead[],
  root: KeyObject | undefined,
  seconds: number,
): Promise<readonly AuditReport[]> {
  const nothing = { region, heads: [], statements: [], items: [], told }
  const report = await checkAudit(nothing, signaturesOf(root, nothing), seconds)
  const last = report.findings.at(-1)
  if (last === undefined) return []
  const peers = [...new Set(told.map(({ peer }) => peer))].join(', ')
  const says = `Nothing of ${region} is here, though ${peers} was told of its audit up to ${last.at}: name its directory or its export too, or it was deleted.`
  return [{ ...report, findings: [{ kind: 'missing', region, at: last.at, says }] }]
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

function kindOf(path: string): 'store' | 'export' | 'table' {
  if (!existsSync(path)) throw new UserError(`There is no ${path}.`)
  if (!statSync(path).isDirectory()) return 'export'
  if (namesIn(join(path, 'regions')).some((name) => name.endsWith('.db'))) return 'store'
  if (exportsIn(path).length > 0) return 'export'
  if (tableFilesIn(path).length > 0) return 'table'
  throw new UserError(`${path} holds no data directory of the service, and no export of its audit.`)
}

function exportsIn(directory: string): readonly string[] {
  return namesIn(directory).filter((name) => name.endsWith('.jsonl'))
}

/** Of the first of them that has one. */
function rootIn(directories: readonly string[]): KeyObject | undefined {
  const directory = directories.find(hasRoot)
  return directory === undefined ? undefined : readRoot(directory)
}

export function hasRoot(directory: string): boolean {
  return existsSync(join(directory, 'tenancyRoot.pem'))
}

function exportSources(path: string): readonly Source[] {
  const files = statSync(path).isDirectory() ? exportsIn(path).map((name) => join(path, name)) : [path]
  return files
    .flatMap(readExport)
    .map(({ audit, trustRoot }) => ({ audit, trustRoot: trustRoot === null ? undefined : p384PublicKey(trustRoot) }))
}

/** It names no root: nothing outside of it would say so. */
function tableSource(path: string): Source {
  return { audit: readTableExport(path), trustRoot: undefined }
}
