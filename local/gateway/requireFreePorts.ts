import { createServer, type AddressInfo } from 'node:net'
import { UserError } from '../../lib/userError.ts'

export interface WantedPort {
  readonly port: number
  readonly address: string
  /** Undefined: the region's own. */
  readonly vaultRegion?: string
}

/** Asked before anything is written. @throws UserError with the first refusal. */
export async function requireFreePorts(ports: readonly WantedPort[]): Promise<void> {
  for (const { port, address, vaultRegion } of ports) {
    const cause = await refusalOf(port, address)
    if (cause === undefined) continue
    const reason = vaultRegion === undefined ? portReason(port, cause) : vaultPortReason(port, vaultRegion)
    throw new UserError(reason, { cause })
  }
}

/** Who tries a copy beside the service that it is of must not be told to stop that one alone. */
export function vaultPortReason(port: number, region: string): string {
  return (
    `Port ${port} of a vault in ${region} is taken by another process, and vaults keep their ports. ` +
    'If that is the service of which this is a copy, listen at another address beside it (--host 127.0.0.2; docs/back-up.md); else stop that process.'
  )
}

export function portReason(port: number, cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException
  if (code === 'EADDRINUSE') return `Port ${port} is taken by another process; stop it or choose another --port.`
  return `Port ${port} cannot be listened on: ${message}.`
}

function refusalOf(port: number, host: string): Promise<unknown> {
  return freePort(port, host).then(
    () => undefined,
    (cause: unknown) => cause,
  )
}

/** The port itself where it is free; any free one for 0. @throws the system's error where it is taken. */
export function freePort(port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(port, host, () => {
      const { port: found } = server.address() as AddressInfo
      server.close(() => {
        resolve(found)
      })
    })
  })
}
