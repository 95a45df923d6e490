import type { LogLevel } from '../../lib/runtime/jsonLogger.ts'
import type { CloudSettings } from '../cloudSettings.ts'
import type { Endpoints } from '../cloud/bringUp.ts'
import type { HostDirectory } from '../directory/hostDirectory.ts'
import { namedOrigin, nameOrigin, type NameOrigin } from '../names/advertised.ts'
import type { Opening } from '../processes/protocol.ts'
import { readPeerAddress, trustedRegions, type ApartRegion, type TenancyOf } from './apartRegion.ts'
import { readPeerCertificate } from './peerCertificate.ts'

/** What a region's process is told of itself and of those on other machines, as its directory has it now. */
export interface Placement {
  readonly opening: Opening
  readonly origins: Readonly<Record<string, NameOrigin>>
  /** This region's first. */
  readonly endpoints: Endpoints
}

export interface PlacementOptions {
  readonly own: ApartRegion
  readonly tenancy: TenancyOf
  readonly settings: CloudSettings
  readonly logLevel: LogLevel
  readonly workers: number | undefined
}

/** @throws UserError where the certificate for other regions cannot be used. */
export function placementOf(
  directory: HostDirectory,
  { own, tenancy, settings, logLevel, workers }: PlacementOptions,
): Placement {
  const { region } = own
  const peers = Object.values(trustedRegions(directory))
  const origins: Record<string, NameOrigin> = Object.fromEntries(
    peers.map(({ region: name, origin }) => [name, origin]),
  )
  const reached = nameOrigin(own, own.port)
  if (reached !== undefined) origins[region] = reached
  const regions = [region, ...peers.map((peer) => peer.region)]
  const { homeRegion, tenancyId } = tenancy
  return {
    origins,
    endpoints: regions.flatMap((name) => {
      const origin = origins[name]
      return origin === undefined ? [] : [{ region: name, endpoint: namedOrigin(origin, 'kms', name) }]
    }),
    opening: {
      region,
      homeRegion,
      regions,
      path: directory.path ?? '',
      settings,
      logLevel,
      ...(workers === undefined ? {} : { workers }),
      ports: [],
      apart: {
        ...readPeerAddress(own.peerAddress),
        tenancyId,
        own: readPeerCertificate(directory, Date.now()),
        peers: peers.map((peer) => ({
          ...readPeerAddress(peer.peerAddress),
          region: peer.region,
          certificate: peer.certificate,
        })),
      },
    },
  }
}
