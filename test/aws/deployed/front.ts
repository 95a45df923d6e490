import { createServer, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { resolveToLoopback } from '../../../local/resolveToLoopback.ts'

/** What stands before the HTTP APIs: it leads each host to its region's API and keeps the Host header that was signed. */
export interface Front {
  /** Where to reach an endpoint that the service names: the same host, without TLS, at the front's port. */
  at(endpoint: string): string
  close(): Promise<void>
}

export async function openFront(
  miniStack: string,
  domain: string,
  apis: Readonly<Record<string, string>>,
): Promise<Front> {
  const target = new URL(miniStack)
  const server = createServer((request, response) => {
    const [, region = ''] = /(?:^|\.)kms\.([a-z0-9-]+)\./.exec(request.headers.host ?? '') ?? []
    const proxied = httpRequest(
      {
        host: target.hostname,
        port: target.port,
        method: request.method ?? 'GET',
        path: `/_aws/execute-api/${apis[region] ?? 'none'}/$default${request.url ?? '/'}`,
        headers: request.headers,
      },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(response)
      },
    )
    proxied.on('error', () => response.destroy())
    request.pipe(proxied)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  const restore = resolveToLoopback(`.${domain}`)
  return {
    at: (endpoint) => `http://${new URL(endpoint).hostname}:${port}`,
    close: async () => {
      restore()
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
}

/** The ids of the HTTP APIs, by region. */
export async function apiIds(miniStack: string, regions: readonly string[]): Promise<Record<string, string>> {
  const ids: Record<string, string> = {}
  for (const region of regions) {
    const authorization = `AWS4-HMAC-SHA256 Credential=test/20260101/${region}/apigateway/aws4_request, SignedHeaders=host, Signature=0`
    const answer = await fetch(`${miniStack}/v2/apis`, { headers: { authorization } })
    const { items = [] } = (await answer.json()) as { items?: readonly { apiId: string }[] }
    const [api] = items
    if (api === undefined) throw new Error(`There is no HTTP API in ${region}.`)
    ids[region] = api.apiId
  }
  return ids
}
