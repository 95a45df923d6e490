import { closeSync, existsSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { UserError } from '../../lib/userError.ts'
import { namesIn } from '../doctor/patient.ts'
import { exportRange, writeExport, type ExportedRegion } from './exportFile.ts'
import { withStoreAudits } from './storeAudit.ts'
import { hasRoot } from './verifyAudit.ts'
import { makeFolder } from '../makeFolder.ts'

export interface ExportOptions {
  readonly data: string
  /** RFC 3339; inclusive and exclusive. */
  readonly from?: string
  readonly to?: string
  /** Unix milliseconds. */
  readonly now: number
}

/**
 * Writes what the regions of a data directory keep of their audit, with its chain, into a new file of JSON lines, or into an
 * empty directory: a file for each region. @throws UserError
 */
export async function exportAudit(
  target: string,
  { data, from, to, now }: ExportOptions,
): Promise<readonly ExportedRegion[]> {
  const range = exportRange(from, to)
  if (!namesIn(join(data, 'regions')).some((name) => name.endsWith('.db')))
    throw new UserError(`There is no cloud in ${data}; name its directory with --data.`)
  const isFile = target.endsWith('.jsonl')
  requireNew(target, isFile)
  const header = {
    exportedAt: new Date(now).toISOString(),
    range,
    trustRoot: hasRoot(data) ? readFileSync(join(data, 'tenancyRoot.pem'), 'utf8') : null,
  }
  if (!isFile) makeFolder(target)
  const single = isFile ? openNew(target) : undefined
  try {
    return await withStoreAudits([data], (audits) =>
      audits.map((audit) => {
        if (single !== undefined) return writeExport(single, audit, header)
        const file = openNew(join(target, `${audit.region}.jsonl`))
        try {
          return writeExport(file, audit, header)
        } finally {
          closeSync(file)
        }
      }),
    )
  } finally {
    if (single !== undefined) closeSync(single)
  }
}

function openNew(path: string): number {
  return openSync(path, 'wx', 0o600)
}

function requireNew(target: string, isFile: boolean): void {
  if (!existsSync(target)) return
  if (isFile || !statSync(target).isDirectory())
    throw new UserError(`${target} is there already; name a new file that ends in .jsonl, or a directory.`)
  if (readdirSync(target).length > 0) throw new UserError(`${target} is not empty; name another directory.`)
}
