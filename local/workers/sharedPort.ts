import { createServer } from 'node:net'

/**
 * Whether the system shares a port out between several listeners (Linux does). `listens` is for tests.
 */
export async function sharesPorts(host: string, listens = listenOnce): Promise<boolean> {
  try {
    await listens({ port: 0, host, reusePort: true })
    return true
  } catch (cause) {
    // What else is wrong with the address says the listener itself.
    return !['ENOTSUP', 'EOPNOTSUPP', 'EINVAL', 'ENOPROTOOPT'].includes((cause as NodeJS.ErrnoException).code ?? '')
  }
}

interface Place {
  readonly port: number
  readonly host: string
  readonly reusePort: boolean
}

async function listenOnce(place: Place): Promise<void> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(place, resolve)
  })
  await new Promise((resolve) => server.close(resolve))
}
