import { resolve } from 'node:path'
import { hsmLines, replicationLine } from '../cloud/banner.ts'
import type { ProcessCloud } from '../processes/startProcesses.ts'
import { trustHelp } from '../tls/trustHelp.ts'
import { typed } from '../typed.ts'
import { version } from '../version.ts'

type Running = Pick<ProcessCloud, 'regions' | 'homeRegion'> & {
  readonly settings: Pick<ProcessCloud['settings'], 'tokens' | 'replicationAck'>
}

/** What a person who just started this machine's region needs next. `authority`: the one that --tls has made here. */
export function apartBanner({ regions, homeRegion, settings }: Running, data: string, authority?: string): string {
  const width = Math.max(...regions.map(({ region }) => region.length))
  const rows = regions.map(({ region, endpoint }, index) => {
    const notes = [...(index === 0 ? ['here'] : []), ...(region === homeRegion ? ['home region'] : [])]
    return `  ${region.padEnd(width)}  ${endpoint}${notes.length === 0 ? '' : `   ${notes.join(', ')}`}`
  })
  const isHome = regions[0]?.region === homeRegion
  const place = resolve(data)
  return [
    '',
    `Vaultspan ${version} is running, this region of several machines.`,
    '',
    ...rows,
    '',
    `  data         ${place}`,
    ...hsmLines(settings, regions.slice(0, 1), place),
    replicationLine(settings),
    isHome
      ? `  profile      ${place}/oci/config (an administrator, for all regions; use it as your OCI config file)`
      : `  profile      oci/config of ${homeRegion}, on its machine; it serves for all regions`,
    '',
    `  Names for /etc/hosts:   ${typed('hosts', '--data', data)}`,
    ...(authority === undefined ? [] : ['', ...trustLines(resolve(authority), regions.length > 1)]),
    '',
    '  Stop with Ctrl-C.',
    '',
  ].join('\n')
}

const joined = '$PWD/vaultspan-ca.pem'

/** Each machine's authority is its own. */
function trustLines(authority: string, hasOthers: boolean): readonly string[] {
  if (!hasOthers) return ['  Clients trust the local authority by:', ...indented(trustHelp(authority))]
  return [
    '  Each machine with --tls has an authority of its own, and clients of several regions trust all of them. Join their files:',
    ...indented([`cat ${authority} CA-OF-THE-OTHER.pem > ${joined}`]),
    '  and have the joined file trusted:',
    ...indented(trustHelp(joined, true)),
  ]
}

function indented(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `    ${line}`)
}
