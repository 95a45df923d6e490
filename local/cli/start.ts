import { Option } from 'commander'
import { UserError } from '../../lib/userError.ts'
import { defaultRegions, requireRegionNames } from '../directory/chooseRegions.ts'
import { environmentHelp } from './environmentHelp.ts'
import type { NameFlags } from '../names/nameFlags.ts'
import type { TlsFlags } from '../tls/tlsFlags.ts'
import { workersFlag, workersOf } from './workersFlag.ts'
import { dataFlag, type CommandRow, type DataFlag } from './command.ts'

export interface StartFlags extends DataFlag, NameFlags, TlsFlags {
  readonly port: number
  readonly regions?: readonly string[]
  readonly host: string
  readonly workers: number
  readonly cut?: string
  readonly recover?: string
  readonly import?: string
  readonly memory?: boolean
  readonly init?: string
  readonly readyFile?: string
}

export const start: CommandRow = {
  name: 'start',
  does: 'Runs a cloud on this machine, each region in a process of its own.',
  build: (command) => {
    command
      .option(...dataFlag)
      .option('--port <BASE>', 'region i listens at BASE + i, vaults from BASE + 100; 0: any free ports', portOf, 7600)
      .option(
        '--regions <a,b,c>',
        `region names, the first one ever is the home region (default those of the last start, or ${defaultRegions.join(',')})`,
        regionsOf,
      )
      .option(
        '--host <ADDRESS>',
        'the address to listen on, or one for each region (A,B), which then all listen at BASE',
        hostOf,
        '127.0.0.1',
      )
      .option(
        '--domain <NAME>',
        'vaults answer at names of their own below it, as at OCI, and share their region’s port (docs/tls.md)',
      )
      .option(
        '--advertise <URL>',
        'what answers carry where another address or port leads here; its port stands for BASE',
      )
      .option(...workersFlag)
      .option('--tls', 'HTTPS and names, by a local authority that it makes; says how clients trust it (docs/tls.md)')
      .option(
        '--tls-cert <FILE>',
        'HTTPS and names, by a certificate (PEM, with its chain) of your own; taken anew when it changes',
      )
      .option('--tls-key <FILE>', 'its key (PEM)')
      .option('--cut <REGION>', 'starts with this region cut off, until it is healed (faults heal)')
      .option(
        '--recover <REGION>',
        'has a region that was put back to an older copy take back what others have (docs/operating.md)',
      )
      .addOption(
        new Option(
          '--memory',
          'keeps nothing: all regions in one process, and on disk a profile that goes with it',
        ).conflicts(['data', 'recover']),
      )
      .option(
        '--init <FILE>',
        'makes the compartments, users, policies, vaults and keys of a JSON file (docs/operating.md)',
      )
      .option('--ready-file <FILE>', 'is written once all regions serve: where they do, as JSON')
      .option('--import <FILE>', 'makes a vault in the home region from an older vault’s record (docs/operating.md)')
      .addHelpText('after', `\n${environmentHelp}`)
      .action(async (flags: Omit<StartFlags, 'workers'> & { readonly workers?: string }) => {
        const { serve } = await import('../cloud/serve.ts')
        await serve({ ...flags, workers: workersOf(flags.workers) })
      })
  },
}

function portOf(text: string): number {
  const port = Number(text)
  if (/^\d+$/.test(text) && port <= 60_000) return port
  throw new UserError('--port takes a whole number from 0 to 60000.')
}

function listOf(text: string): readonly string[] {
  return text.split(',').map((each) => each.trim())
}

function regionsOf(text: string): readonly string[] {
  const regions = listOf(text)
  requireRegionNames(regions)
  return regions
}

/** Addresses as they are listened on, without blanks. */
function hostOf(text: string): string {
  const addresses = listOf(text)
  if (addresses.includes('')) throw new UserError('--host takes an address, or several separated by commas.')
  return addresses.join(',')
}
