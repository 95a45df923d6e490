import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { UserError } from '../../lib/userError.ts'
import { noRegion } from '../names/noRegion.ts'
import { statesIn } from './requireRows.ts'

/** Regions of which anything lies in the directory: their rows or their HSM's state. */
export function storedRegions(data: string): readonly string[] {
  const folder = join(data, 'regions')
  const rows = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.db')) : []
  return [
    ...new Set([...rows.map((name) => name.slice(0, -'.db'.length)), ...statesIn(data).map(([name]) => name)]),
  ].toSorted()
}

/** `more`: of others that are known by other means. @throws UserError that names those that there are */
export function requireStoredRegion(data: string, region: string, more: readonly string[] = []): void {
  const there = [...new Set([...storedRegions(data), ...more])].toSorted()
  if (!there.includes(region)) throw new UserError(noRegion(region, there, ` in ${data}`))
}
