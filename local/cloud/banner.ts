import { relative, resolve } from 'node:path'
import type { Endpoints } from './bringUp.ts'
import type { CloudSettings } from '../cloudSettings.ts'
import { trustHelp } from '../tls/trustHelp.ts'
import { hasToken } from '../hsm/tokenSettings.ts'
import { typed } from '../typed.ts'
import { version } from '../version.ts'

const meaning = {
  available:
    'available: a change is answered also while its replica is unreachable, and is listed as at risk until it arrives',
  strict: 'strict: no change is answered with success before it is in its replica’s inbox (503 otherwise)',
} as const

interface Running {
  readonly regions: Endpoints
  readonly homeRegion: string
  readonly settings: CloudSettings
  /** Where its profile lies, and its data unless it keeps none. */
  readonly folder: string
}

/** What a person who just started the service needs next. */
export function banner(
  { regions, homeRegion, settings, folder: data }: Running,
  isInMemory: boolean,
  authority?: string,
): string {
  const width = Math.max(...regions.map(({ region }) => region.length))
  const rows = regions.map(
    ({ region, endpoint }) => `  ${region.padEnd(width)}  ${endpoint}${region === homeRegion ? '   home region' : ''}`,
  )
  const below = relative(process.cwd(), resolve(data)) || '.'
  const place = below.startsWith('..') ? resolve(data) : below
  const oci = (name: string) => resolve(data, 'oci', name)
  return [
    '',
    `Vaultspan ${version} is running.`,
    '',
    ...rows,
    '',
    `  data         ${isInMemory ? 'in memory: all of it goes when this ends' : place}`,
    ...hsmLines(settings, regions, isInMemory ? undefined : place),
    replicationLine(settings),
    `  profile      ${place}/oci/config (an administrator; use it as your OCI config file)`,
    '',
    `  export OCI_CONFIG_FILE=${oci('config')}   # SDKs`,
    `  export OCI_CLI_CONFIG_FILE=${oci('config')} OCI_CLI_RC_FILE=${oci('oci_cli_rc')}   # OCI's CLI`,
    ...(settings.advertised?.by === 'names'
      ? ['', `  Names for /etc/hosts:   ${typed('hosts', ...dataOf(data))}`]
      : []),
    ...(authority === undefined
      ? []
      : ['', '  Clients trust the local authority by:', ...trustHelp(authority).map((line) => `    ${line}`)]),
    '',
    `  Next, in another terminal:   ${typed('tour', ...dataOf(data))}`,
    '  Stop with Ctrl-C.',
    '',
  ].join('\n')
}

function dataOf(data: string): readonly string[] {
  return data === '.vaultspan' ? [] : ['--data', data]
}

export function replicationLine({ replicationAck }: Pick<CloudSettings, 'replicationAck'>): string {
  return `  replication  ${meaning[replicationAck]}`
}

/** Of the regions' roots; `place` undefined: nothing is kept. */
export function hsmLines(
  { tokens }: Pick<CloudSettings, 'tokens'>,
  regions: readonly { readonly region: string }[],
  place: string | undefined,
): readonly string[] {
  const root = place === undefined ? '' : `: its root is a file in ${place}/hsm`
  const simulated = `simulated in software, for development and tests${root}`
  const [inTokens, others] = [true, false].map((isWanted) =>
    regions.map(({ region }) => region).filter((region) => hasToken(tokens, region) === isWanted),
  )
  if (tokens === null || inTokens?.length === 0) return [`  HSM          ${simulated}`]
  const held = `in the PKCS#11 tokens "${tokens.label} …" of ${tokens.module}`
  if (others?.length === 0) return [`  HSM          ${held}`]
  return [`  HSM          ${inTokens?.join(', ')}: ${held}`, `               ${others?.join(', ')}: ${simulated}`]
}
