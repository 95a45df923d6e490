import { readFileSync } from 'node:fs'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import type { EndpointsFile } from '../directory/endpointsFile.ts'
import { askFaultServer } from '../control/faultServer.ts'
import type { Hosts } from '../control/hostsCommand.ts'
import { resolveToLoopback } from '../resolveToLoopback.ts'
import { parseJson } from '../../lib/parseJson.ts'

/** Lets this process call the service that uses a directory: its names lead to it, and whom it has made its authority is trusted. */
export async function reachService(directory: string, { authority }: Pick<EndpointsFile, 'authority'>): Promise<void> {
  const answer = await askFaultServer(directory, 'hosts')
  if (answer.startsWith('ok: ')) {
    const { domain, regions } = parseJson(answer.slice('ok: '.length)) as Hosts
    for (const { region, address } of regions) resolveToLoopback(`.${region}.${domain}`, address)
  }
  if (authority === undefined) return
  setDefaultCACertificates([...getCACertificates('default'), readFileSync(authority, 'utf8')])
}
