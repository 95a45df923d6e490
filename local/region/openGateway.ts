import type { Runtime } from '../../lib/runtime/composeRegion.ts'
import { HttpGateway, type GatewayOptions } from '../gateway/httpGateway.ts'
import type { RegionHosts } from '../names/regionHosts.ts'
import { maxFileBytes } from './openBackups.ts'
import type { RegionParts } from './region.ts'
import type { ServedCertificate } from '../tls/watchedCertificate.ts'

/** Of a region whose own thread answers. */
export function openGateway(
  { log }: RegionParts,
  runtime: Runtime,
  hosts: RegionHosts,
  certificate: ServedCertificate | undefined,
  served: Pick<GatewayOptions, 'functions' | 'health' | 'metrics'>,
): HttpGateway {
  const onError = (cause: unknown) => {
    log.error('The gateway failed.', cause)
  }
  const isOwnHost = (host: string, port: number) => hosts.isOwnHost(host, port)
  const { requestWatch } = runtime
  return new HttpGateway({ ...served, maxFileBytes, onError, isOwnHost, requestWatch, certificate })
}
