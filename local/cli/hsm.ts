import { UserError } from '../../lib/userError.ts'
import { defaultRegions } from '../directory/chooseRegions.ts'
import { defaultLabel, moduleOf, tokenSettings } from '../hsm/tokenSettings.ts'
import { dataFlag, type CommandRow, type DataFlag } from './command.ts'

interface RegionsFlag extends DataFlag {
  readonly regions: readonly string[]
}

interface InitFlags extends RegionsFlag {
  readonly soPinFile?: string
  readonly private: number
}

interface AttestFlags extends DataFlag {
  readonly region: string
  readonly challenge?: string
}

const regionsFlag = [
  '--regions <a,b,c>',
  'the regions that have a token each',
  (text: string) => text.split(',').map((each) => each.trim()),
  [...defaultRegions],
] as const

export const hsm: CommandRow = {
  name: 'hsm',
  does: 'Makes the PKCS#11 tokens that hold a cloud’s roots, and looks at them (docs/hsm.md).',
  build: (command) => {
    command
      .command('init')
      .description('Makes a token for each region, and its roots there, by the security officer; what is there stays.')
      .option(...dataFlag)
      .option(...regionsFlag)
      .option('--private <N>', 'so many tokens for private vaults in each region; spent ones are made anew', count, 0)
      .option('--so-pin-file <FILE>', 'holds the security officer’s PIN, which is asked for otherwise')
      .addHelpText('after', `\n${environment}`)
      .action(async ({ data, regions, soPinFile, private: privateVaults }: InitFlags) => {
        const [module, label] = [moduleOf(process.env), process.env['PKCS11_LABEL'] ?? defaultLabel]
        const { pinFromFileOrPrompt } = await import('../hsm/pin.ts')
        const soPin = await pinFromFileOrPrompt(soPinFile, 'The security officer’s', '--so-pin-file')
        const pin = await pinFromFileOrPrompt(process.env['PKCS11_PIN_FILE'], 'The service’s', 'PKCS11_PIN_FILE')
        if (pin === soPin) throw new UserError('The security officer and the service have PINs of their own.')
        const { initTokens } = await import('../hsm/initTokens.ts')
        console.log(initTokens({ data, module, label, regions, privateVaults, soPin, pin }).join('\n'))
      })
    command
      .command('status')
      .description('Logs in to each region’s token once and has it compute something.')
      .option(...dataFlag)
      .option(...regionsFlag)
      .addHelpText('after', `\n${environment}`)
      .action(async ({ data, regions }: RegionsFlag) => {
        const tokens = tokenSettings({ ...process.env, HSM: 'pkcs11' })
        if (tokens === null) return
        const { tokenStatus } = await import('../hsm/tokenStatus.ts')
        const { lines, isFit } = await tokenStatus(tokens, regions, data)
        console.log(lines.join('\n'))
        if (!isFit) process.exitCode = 1
      })
    command
      .command('attest')
      .description('Writes what a region’s tokens say of themselves and of their keys, signed by the region.')
      .option(...dataFlag)
      .requiredOption('--region <NAME>', 'which one')
      .option('--challenge <TEXT>', 'is in what is signed, so that it is known to be new')
      .addHelpText('after', `\n${environment}`)
      .action(async ({ data, region, challenge }: AttestFlags) => {
        const tokens = tokenSettings({ ...process.env, HSM: 'pkcs11' })
        if (tokens === null) return
        const { attestRegion } = await import('../hsm/attestRegion.ts')
        console.log(JSON.stringify(await attestRegion(data, region, tokens, challenge ?? null), undefined, 2))
      })
    command
      .command('verify')
      .description('Checks what hsm attest has written, by itself and offline.')
      .argument('<FILE>', 'what it has written')
      .requiredOption('--root <FILE>', 'the tenancy’s root: a PEM file, or a data directory, which holds one')
      .option('--challenge <TEXT>', 'that was asked with')
      .action(async (file: string, { root, challenge }: { readonly root: string; readonly challenge?: string }) => {
        const { verifyAttestation } = await import('../hsm/verifyAttestation.ts')
        console.log((await verifyAttestation(file, root, challenge)).join('\n'))
      })
    command
      .command('migrate')
      .description('Brings a simulated region’s keys into its token, for good, with the service stopped.')
      .option(...dataFlag)
      .requiredOption('--region <NAME>', 'which one')
      .addHelpText('after', `\n${environment}`)
      .action(async ({ data, region }: DataFlag & { readonly region: string }) => {
        const tokens = tokenSettings({ ...process.env, HSM: 'pkcs11' })
        if (tokens === null) return
        const { migrateRegion } = await import('../hsm/migrateRegion.ts')
        console.log((await migrateRegion(data, region, tokens)).join('\n'))
      })
    command
      .command('rotate-root')
      .description('Gives the regions of a running service new roots, and wraps all vaults’ keys anew under them.')
      .option(...dataFlag)
      .option('--region <NAME>', 'only this one')
      .action(async ({ data, region = '-' }: DataFlag & { readonly region?: string }) => {
        const { askService } = await import('../control/askService.ts')
        console.log((await askService(data, `rotate-root ${region}`)).replaceAll('; ', '\n'))
      })
  },
}

/** A thousand tokens are more than a library lists in a reasonable time. */
function count(text: string): number {
  const number = Number(text)
  if (/^\d{1,4}$/.test(text) && number <= 999) return number
  throw new UserError('--private takes a number from 0 to 999.')
}

const environment = `Environment:
  PKCS11_MODULE    the path of the HSM’s PKCS#11 library
  PKCS11_PIN_FILE  holds the service’s PIN, mode 0600
  PKCS11_LABEL     what the tokens’ labels begin with (vaultspan)`
