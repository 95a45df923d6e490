import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { EndpointsFile } from '../directory/endpointsFile.ts'
import { askFaultServer } from '../control/faultServer.ts'
import type { PortRow } from '../directory/hostDirectory.ts'
import type { ApartPlace, CloudStatus } from '../status/cloudStatus.ts'
import { parseJson } from '../../lib/parseJson.ts'

/** What all checks look at. Nothing of it is changed. */
export interface Patient {
  readonly data: string
  /** As the running service says; undefined: none runs. */
  readonly status: CloudStatus | undefined
  /** The regions that have files here. */
  readonly stored: readonly string[]
  /** Where the regions served last; undefined: nowhere yet, or the file cannot be read. */
  readonly endpoints: EndpointsFile['regions'] | undefined
  /** Of a service that is stopped: where its vaults listen. */
  readonly ports: readonly PortRow[]
  /** Undefined: all regions are on this machine, or it is not known (a host.db that is in use). */
  readonly apart: ApartPlace | undefined
  readonly now: number
  readonly file: (...parts: readonly string[]) => string
}

export async function openPatient(directory: string): Promise<Patient> {
  const data = resolve(directory)
  const file = (...parts: readonly string[]) => join(data, ...parts)
  const answer = await askFaultServer(data, 'state').catch(() => '')
  const [, json] = /^ok: (.*)$/.exec(answer) ?? []
  // INVARIANT: the service answers `state` with a CloudStatus.
  const status = json === undefined ? undefined : (parseJson(json) as CloudStatus)
  const known = status === undefined ? inHostFile(file('host.db')) : { ports: [], apart: status.apart }
  return {
    data,
    status,
    stored: namesIn(file('regions')).flatMap((name) => (name.endsWith('.db') ? [name.slice(0, -'.db'.length)] : [])),
    endpoints: endpointsIn(file('endpoints.json')),
    ...known,
    now: Date.now(),
    file,
  }
}

export function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function endpointsIn(file: string): EndpointsFile['regions'] | undefined {
  try {
    return (parseJson(readFileSync(file, 'utf8')) as EndpointsFile).regions
  } catch {
    return undefined
  }
}

function inHostFile(file: string): Pick<Patient, 'ports' | 'apart'> {
  if (!existsSync(file)) return { ports: [], apart: undefined }
  try {
    const database = new DatabaseSync(file, { readOnly: true })
    try {
      const rows = database.prepare('SELECT vaultId, region, port FROM ports').all()
      const apart = database.prepare("SELECT value FROM facts WHERE name = 'apart'").get()?.['value']
      return {
        ports: rows.map(({ vaultId, region, port }) => ({
          vaultId: String(vaultId),
          region: String(region),
          port: Number(port),
        })),
        // INVARIANT: the fact is an ApartRegion.
        apart: apart === undefined ? undefined : (parseJson(String(apart)) as ApartPlace),
      }
    } finally {
      database.close()
    }
  } catch {
    return { ports: [], apart: undefined }
  }
}
