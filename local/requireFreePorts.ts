import { createServer } from 'node:net'
import { UserError } from '../lib/userError.ts'

/** Asked before anything is written. @throws UserError with the first refusal. */
export async function requireFreePorts(ports: ReadonlyMap<number, string>, host: string): Promise<void> {
  for (const [port, vaultRegion] of ports) {
    const cause = await refusalOf(port, host)
    if (cause === undefined) continue
    const reason =
      vaultRegion === ''
        ? portReason(port, cause)
        : `Port ${port} of a vault in ${vaultRegion} is taken by another process; stop that one.`
    throw new UserError(reason, { cause })
  }
}

export function portReason(port: number, cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException
  if (code === 'EADDRINUSE') return `Port ${port} is taken by another process; stop it or choose another --port.`
  return `Port ${port} cannot be listened on: ${message}.`
}

function refusalOf(port: number, host: string): Promise<Error | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', resolve)
    server.listen(port, host, () =>
      server.close(() => {
        resolve(undefined)
      }),
    )
  })
}
