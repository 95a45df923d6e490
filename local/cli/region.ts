import { resolve } from 'node:path'
import type { ApartCommand } from '../apart/atHand.ts'
import type { ApartRegion } from '../apart/apartRegion.ts'
import { readAdvertised, type NameFlags } from '../names/nameFlags.ts'
import type { TlsFlags } from '../tls/tlsFlags.ts'
import { UserError } from '../../lib/userError.ts'
import { dataFlag, type CommandRow, type DataFlag } from './command.ts'
import type { CommandLine } from './commandLine.ts'
import { workersFlag, workersOf } from './workersFlag.ts'

interface PlaceFlags extends DataFlag, NameFlags, TlsFlags {
  readonly address?: string
  readonly host?: string
  readonly port?: number
}

interface InitFlags extends PlaceFlags {
  readonly region: string
  readonly home?: boolean
}

interface StartFlags extends DataFlag {
  readonly workers?: string
  readonly recover?: boolean
}

interface ForgetFlags extends DataFlag {
  readonly lost?: boolean
}

const whileItRuns = 'One that runs starts its process again, which takes a moment.'

export const region: CommandRow = {
  name: 'region',
  does: 'One region of a cloud whose regions are on several machines (docs/two-machines.md).',
  build: (command) => {
    const init = command
      .command('init')
      .description(
        'Makes a region’s directory: its HSM, the certificate that it shows to other regions and, with --home, the tenancy.',
      )
      .option(...dataFlag)
      .requiredOption('--region <NAME>', 'like us-ashburn-1')
      .option('--home', 'the home region: it makes the tenancy and its administrator')
    placeFlags(init).action(async ({ region: name, home = false, ...flags }: InitFlags) => {
      const { initRegion } = await import('../apart/initRegion.ts')
      const { address } = flags
      if (address === undefined)
        throw new UserError('--address is missing: where other regions reach this one, like 10.0.0.2:7650.')
      const fresh = {
        format: 'vaultspan/apart/1',
        region: name,
        isHome: home,
        ...placeOf({ ...flags, address }),
      } as const
      await initRegion(flags.data, fresh)
      console.log(`${name} is made in ${flags.data}. Next: vaultspan region export FILE, and trust it at the others.`)
    })
    placeFlags(
      command
        .command('set')
        .description('Changes where a stopped region is reached; export it again then.')
        .option(...dataFlag),
    ).action(async (flags: PlaceFlags) => {
      const { changeRegion } = await import('../apart/initRegion.ts')
      await changeRegion(flags.data, (own) => ({ ...own, ...placeOf(flags, own) }))
      console.log('Changed. Next: vaultspan region export FILE, and trust it at the others.')
    })
    const atHand = async (data: string, words: ApartCommand) => {
      const { commandApart } = await import('../apart/atHand.ts')
      const { workApart } = await import('../apart/performApart.ts')
      console.log(await commandApart(data, words, workApart))
    }
    command
      .command('export')
      .description('Writes what other regions are to trust of this one, running or not.')
      .argument('<FILE>', 'what to write')
      .option(...dataFlag)
      .action((file: string, { data }: DataFlag) => atHand(data, ['export', resolve(file)]))
    command
      .command('trust')
      .description(`Trusts what another region has exported, in place of what it said before. ${whileItRuns}`)
      .argument('<FILE>', 'the other region’s statement')
      .option(...dataFlag)
      .action((file: string, { data }: DataFlag) => atHand(data, ['trust', resolve(file)]))
    command
      .command('forget')
      .description(`Leaves a region out that has no vault or replica in common with this one. ${whileItRuns}`)
      .argument('<REGION>', 'its name')
      .option(...dataFlag)
      .option('--lost', 'it does not come back: ends the links of this region’s vaults to their replicas there')
      .action((name: string, { data, lost = false }: ForgetFlags) =>
        atHand(data, [lost ? 'forgetLost' : 'forget', name]),
      )
    command
      .command('renew')
      .description(`Makes another certificate for other regions; export it again then. ${whileItRuns}`)
      .option(...dataFlag)
      .action(({ data }: DataFlag) => atHand(data, ['renew']))
    command
      .command('start')
      .description('Serves this region until a signal ends it; the others may be there or not.')
      .option(...dataFlag)
      .option(...workersFlag)
      .option(
        '--recover',
        'where its files were put back to an older copy, takes back what the other regions have (docs/two-machines.md)',
      )
      .action(async ({ data, workers, recover = false }: StartFlags) => {
        const { serveApart } = await import('../apart/serveApart.ts')
        await serveApart({ data, workers: workersOf(workers), recover })
      })
  },
}

function placeFlags(command: CommandLine): CommandLine {
  return command
    .option('--address <HOST:PORT>', 'where other regions reach this one, and where it listens for them')
    .option('--host <ADDRESS>', 'the address to listen on for clients (default 127.0.0.1)')
    .option('--port <PORT>', 'the port for clients (default 7600)', portOf)
    .option('--domain <NAME>', 'below which the region and its vaults have names (default localhost)')
    .option('--advertise <URL>', 'what answers carry where another port leads here')
    .option('--tls', 'HTTPS for clients, by a local authority that it makes')
    .option('--tls-cert <FILE>', 'HTTPS for clients, by a certificate (PEM) of your own')
    .option('--tls-key <FILE>', 'its key (PEM)')
}

type Place = Omit<ApartRegion, 'format' | 'region' | 'isHome'>

/** What is given, in place of what stands. @throws UserError */
function placeOf(flags: PlaceFlags & { readonly address?: string }, before?: ApartRegion): Place {
  const port = flags.port ?? before?.port ?? 7600
  const saysTls = flags.tls !== undefined || flags.tlsCert !== undefined || flags.tlsKey !== undefined
  const tls = saysTls
    ? { tls: flags.tls === true, tlsCert: flags.tlsCert ?? null, tlsKey: flags.tlsKey ?? null }
    : { tls: before?.tls ?? false, tlsCert: before?.tlsCert ?? null, tlsKey: before?.tlsKey ?? null }
  const isAsBefore = [flags.port, flags.domain, flags.advertise].every((flag) => flag === undefined) && !saysTls
  const peerAddress = flags.address ?? before?.peerAddress ?? ''
  const host = flags.host ?? before?.host ?? '127.0.0.1'
  if (before !== undefined && isAsBefore) return { ...before, peerAddress, host }
  const advertisedHost = flags.advertise === undefined ? undefined : URL.parse(flags.advertise)?.hostname
  const domain = flags.domain ?? advertisedHost ?? before?.advertised.host ?? 'localhost'
  const names: NameFlags = flags.advertise === undefined ? { domain } : { domain, advertise: flags.advertise }
  const advertised = readAdvertised(names, port, tls.tls || tls.tlsCert !== null)
  if (advertised === null) throw new Error('A domain always leads to names.')
  return { peerAddress, host, port, advertised, ...tls }
}

function portOf(text: string): number {
  const port = Number(text)
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port
  throw new UserError('--port takes a whole number from 1 to 65535.')
}
