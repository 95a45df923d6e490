import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { EndpointsFile } from '../directory/endpointsFile.ts'
import { askFaultServer } from '../control/faultServer.ts'
import { reachService } from './reachService.ts'
import { startCloud } from '../cloud/startCloud.ts'
import { TourFailure } from './reason.ts'
import { parseJson } from '../../lib/parseJson.ts'

export interface RegionEndpoint {
  readonly region: string
  readonly endpoint: string
}

/** The service that the tour walks through, as anybody finds it: by the files in its data directory. */
export interface TourService {
  readonly source: RegionEndpoint
  readonly replica: RegionEndpoint
  readonly compartmentId: string
  readonly ociConfig: string
  /** True where the tour started it and it ends with the tour. */
  readonly isOwn: boolean
  /** Says one line to the service's fault injection. @throws TourFailure where it refuses. */
  faults(command: string): Promise<string>
  close(): Promise<void>
}

/** The service that uses the directory or, where none runs, one of the tour's own in a directory that goes with it. */
export async function findService(directory: string): Promise<TourService> {
  if (await isServed(directory)) return openService(directory, false, async () => undefined)
  const temporary = await mkdtemp(join(tmpdir(), 'vaultspan-tour-'))
  const remove = () => rm(temporary, { recursive: true, force: true })
  try {
    const cloud = await startCloud({ directory: temporary, port: 0 })
    return await openService(temporary, true, async () => {
      await cloud.close()
      await remove()
    })
  } catch (cause) {
    await remove()
    throw cause
  }
}

async function isServed(directory: string): Promise<boolean> {
  try {
    return (await askFaultServer(directory, 'status')).startsWith('ok')
  } catch {
    return false
  }
}

async function openService(directory: string, isOwn: boolean, close: () => Promise<void>): Promise<TourService> {
  const text = await readFile(join(directory, 'endpoints.json'), 'utf8')
  const file = parseJson(text) as EndpointsFile
  const { regions, homeRegion, rootCompartmentId } = file
  const source = regions.find(({ region }) => region === homeRegion)
  const replica = regions.find(({ region }) => region !== homeRegion)
  if (source === undefined || replica === undefined) {
    throw new TourFailure('The tour needs two regions; start the service with --regions us-ashburn-1,us-phoenix-1.')
  }
  await reachService(directory, file)
  return {
    source,
    replica,
    compartmentId: rootCompartmentId,
    ociConfig: resolve(directory, 'oci', 'config'),
    isOwn,
    faults: async (command) => {
      const answer = await askFaultServer(directory, command)
      if (!answer.startsWith('ok: ')) throw new TourFailure(answer)
      return answer.slice('ok: '.length)
    },
    close,
  }
}

export interface LagFigures {
  readonly last: number | null
  readonly p50: number | null
  readonly p99: number | null
}

/** The lag to a peer as GET /healthz tells it: from a commit to its signed receipt, on the sender's clock. */
export async function reportedLag(from: RegionEndpoint, peer: string): Promise<LagFigures> {
  const answer = await fetch(`${from.endpoint}/healthz`)
  const { links } = (await answer.json()) as { links: readonly { peer: string; lagMs: LagFigures }[] }
  return links.find((link) => link.peer === peer)?.lagMs ?? { last: null, p50: null, p99: null }
}
