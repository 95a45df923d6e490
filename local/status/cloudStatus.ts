import type { Endpoints } from '../cloud/bringUp.ts'
import type { Prepared } from '../cloud/prepareStart.ts'
import type { Faults } from '../region/faults.ts'
import type { RegionHealth } from '../region/regionHealth.ts'
import type { RegionHost } from '../region/regionHost.ts'
import type { CustodyTrouble } from '../hsm/custody.ts'
import type { StuckReplica } from '../../lib/replication/stuckReplicas.ts'
import { version } from '../version.ts'

/** What `vaultspan status --json` prints. */
export interface CloudStatus {
  readonly version: string
  readonly tenancyId: string
  readonly homeRegion: string
  /** What is broken on purpose, in one line. */
  readonly faults: string
  readonly regions: readonly RegionStatus[]
  /** Of a region on a machine of its own: where it is reached. */
  readonly apart?: ApartPlace
}

export interface ApartPlace {
  readonly region: string
  readonly isHome: boolean
  readonly peerAddress: string
  readonly host: string
  readonly port: number
}

export interface RegionStatus {
  readonly region: string
  readonly endpoint: string
  /** broken: on purpose (`fault`); down: its process is not there or does not answer; the rest is not known then. */
  readonly status: RegionHealth['status'] | 'broken' | 'down'
  /** What clients find of it until it is healed, like "hangs"; absent: it is not broken on purpose. */
  readonly fault?: string
  readonly vaults: number | null
  readonly replicas: number | null
  /** Vaults and replicas whose rows do not verify, by OCID; absent: there are none. */
  readonly unverified?: readonly string[]
  /** What stands between its HSM and its custodians; absent: nothing, or it has none. */
  readonly custody?: readonly CustodyTrouble[]
  /** Vaults whose replica does not come, in its source and in its destination; absent: there are none. */
  readonly stuckReplicas?: readonly StuckReplica[]
  /** As GET /healthz. */
  readonly health: RegionHealth | null
}

type Asked = Pick<RegionHost, 'name' | 'health' | 'heldVaults' | 'custody' | 'stuckReplicas'>

/** A region that takes longer is called down. */
const patienceMs = 3_000

/** As JSON, in one line. */
export async function cloudStatus(
  {
    tenancyId,
    homeRegion,
    endpoints,
    apart,
  }: Pick<Prepared, 'tenancyId' | 'homeRegion'> & { readonly endpoints: Endpoints; readonly apart?: ApartPlace },
  hosts: readonly Asked[],
  faults: Pick<Faults, 'describe' | 'brokenHow'>,
): Promise<string> {
  const regions = await Promise.all(
    hosts.map(async (host): Promise<RegionStatus> => {
      const endpoint = endpoints.find(({ region }) => region === host.name)?.endpoint ?? ''
      const found = await inTime(figuresOf(host, tenancyId))
      const down = { status: 'down', vaults: null, replicas: null, health: null } as const
      const fault = faults.brokenHow(host.name)
      if (found === undefined || fault === undefined) return { region: host.name, endpoint, ...(found ?? down) }
      return { region: host.name, endpoint, ...found, status: 'broken', fault }
    }),
  )
  const status: CloudStatus = { version, tenancyId, homeRegion, faults: faults.describe(), regions }
  return JSON.stringify(apart === undefined ? status : { ...status, apart })
}

async function figuresOf(host: Asked, tenancyId: string): Promise<Omit<RegionStatus, 'region' | 'endpoint'>> {
  // First: health says what it has found.
  const custody = await host.custody().catch(() => [])
  const [health, { vaults, unverified, unopened }, stuck] = await Promise.all([
    host.health(),
    host.heldVaults(tenancyId),
    host.stuckReplicas(),
  ])
  const all = [...vaults, ...unopened]
  const replicas = all.filter(({ isReplica }) => isReplica).length
  return {
    // /healthz looks at no vault: a probe must not read them all.
    status: unverified.length > 0 ? 'degraded' : health.status,
    vaults: all.length - replicas,
    replicas,
    ...(unverified.length === 0 ? {} : { unverified }),
    ...(custody.length === 0 ? {} : { custody }),
    ...(stuck.length === 0 ? {} : { stuckReplicas: stuck }),
    health,
  }
}

async function inTime<T>(answer: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => {
      resolve(undefined)
    }, patienceMs)
  })
  try {
    return await Promise.race([answer, late])
  } catch {
    return undefined
  } finally {
    clearTimeout(timer)
  }
}
