import dns from 'node:dns/promises'
import { resolve } from 'node:path'
import { options } from '../deploy/commandLine.ts'
import { requireParameters } from '../deploy/parameters.ts'
import { HostDirectory } from '../local/directory/hostDirectory.ts'
import { stopOnSignal } from '../local/cloud/stopOnSignal.ts'
import { startOffline, type OfflineCloud } from './startOffline.ts'
import { UserError } from '../lib/userError.ts'
import { runCommand } from '../local/runCommand.ts'

/** `npm run offline -- [--data DIR] [--port BASE] [--regions a,b]`: the deployed service on LocalStack and serverless-offline. */
await runCommand(async () => {
  const given = options('offline', 'Runs the service as deployed, on LocalStack and serverless-offline.', [
    'data',
    'port',
    'regions',
  ])
  const data = given.data ?? '.vaultspan-offline'
  const portBase = Number(given.port ?? '7650')
  if (!Number.isInteger(portBase) || portBase < 1 || portBase > 65_000) {
    throw new UserError('--port takes a whole number from 1 to 65000.')
  }
  const parameters = requireParameters({
    stage: 'local',
    regions: given.regions ?? 'us-east-1,us-west-2',
    // RFC 6761: names below localhost are this machine.
    domain: 'vaultspan.localhost',
  })
  const say = (line: string) => {
    console.error(line)
  }
  const cloud = await startOffline({ directory: new HostDirectory(data), parameters, portBase, say })
  console.log(banner(cloud, data))
  const hint = await nameHint(new URL(cloud.regions[0]?.endpoint ?? '').hostname)
  if (hint !== undefined) console.log(hint)
  stopOnSignal(cloud)
})

function banner({ regions, emulator }: OfflineCloud, data: string): string {
  const rows = regions.map(({ region, endpoint }) => `  ${region}  ${endpoint}`)
  return [
    '',
    'Vaultspan is running as deployed: serverless.yml’s functions, tables, streams and queues.',
    '',
    ...rows,
    '',
    `  tables, queues  ${emulator}; they end with it`,
    '  functions       serverless-offline, from the packaged bundles',
    `  HSM             simulated in software; logs in ${data}/logs`,
    '',
    `  export OCI_CLI_CONFIG_FILE=${resolve(data, 'oci', 'config')}`,
    `  Next, in another terminal:   npm run tour -- --data ${data}`,
    '  Stop with Ctrl-C.',
    '',
  ].join('\n')
}

/** The tour knows these names; other programs ask the system. */
async function nameHint(name: string): Promise<string | undefined> {
  try {
    await dns.lookup(name)
    return undefined
  } catch {
    return `  This system does not resolve ${name}, so only the tour reaches it: install libnss-myhostname (Debian), or list the names in /etc/hosts.\n`
  }
}
