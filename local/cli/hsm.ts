import { UserError } from '../../lib/userError.ts'
import { defaultRegions } from '../directory/chooseRegions.ts'
import type { Ceremony } from '../hsm/ceremony.ts'
import { labelStart, moduleOf, requireHsmVariables, tokenRegions, tokenSettings } from '../hsm/tokenSettings.ts'
import { dataFlag, type CommandRow, type DataFlag } from './command.ts'

interface RegionsFlag extends DataFlag {
  readonly regions?: readonly string[]
}

interface InitFlags extends RegionsFlag {
  readonly soPinFile?: string
  readonly private: number
  readonly custodian?: readonly string[]
  /** False: --no-custodians. */
  readonly custodians: boolean
  readonly threshold?: number
  readonly transcript?: string
  readonly anew?: boolean
}

interface WithoutFlag extends DataFlag {
  readonly without?: readonly string[]
}

interface RestoreFlags extends WithoutFlag {
  readonly share: readonly string[]
  readonly recovery?: string
  readonly soPinFile?: string
}

interface AttestFlags extends DataFlag {
  readonly region: string
  readonly challenge?: string
}

interface VerifyFlags {
  readonly root?: string
  readonly challenge?: string
  readonly share?: string
  readonly against?: readonly string[]
}

const regionsFlag = [
  '--regions <a,b,c>',
  `the regions that have a token each (those of PKCS11_REGIONS, or of the directory, or ${defaultRegions.join(',')})`,
  (text: string) => text.split(',').map((each) => each.trim()),
] as const

const withoutFlag = [
  '--without <TOKEN...>',
  'private vaults’ tokens that are lost, by their labels: everything else is backed up, or restored',
] as const

export const hsm: CommandRow = {
  name: 'hsm',
  does: 'Makes the PKCS#11 tokens that hold a cloud’s roots, and looks at them (docs/hsm.md).',
  build: (command) => {
    command.hook('preAction', () => {
      requireHsmVariables(process.env)
    })
    command
      .command('init')
      .description('Makes a token for each region, and its roots there, by the security officer; what is there stays.')
      .option(...dataFlag)
      .option(...regionsFlag)
      .option('--private <N>', 'so many tokens for private vaults in each region; spent ones are made anew', count, 0)
      .option('--so-pin-file <FILE>', 'holds the security officer’s PIN, which is asked for otherwise')
      .option(
        '--custodian <FILE...>',
        'where each custodian’s share of the recovery root is written; one file for each',
      )
      .option('--no-custodians', 'where a ceremony of theirs did not end: the cloud is to have none')
      .option('--threshold <M>', 'so many shares restore', Number)
      .option('--transcript <FILE>', 'where the ceremony is recorded, signed by each region')
      .option('--anew', 'in the place of a ceremony whose shares are lost, before any region was started')
      .addHelpText('after', `\n${environment}\n${custodiansHelp}`)
      .action(async ({ data, regions: wanted, soPinFile, private: privateVaults, ...custody }: InitFlags) => {
        const { regions, toCome } = await regionsOf(data, wanted)
        const ceremony = ceremonyOf(data, custody)
        if (ceremony !== undefined && process.env['HSM'] === 'simulated') {
          const { initSimulatedCustodians } = await import('../hsm/initCustodians.ts')
          console.log((await initSimulatedCustodians(regions, ceremony)).join('\n'))
          return
        }
        const [module, label] = [moduleOf(process.env), labelStart(process.env)]
        const { soPin, pin } = await bothPins(soPinFile)
        const isWithoutCustodians = !custody.custodians
        const onLost = () => {
          process.exitCode = 1
        }
        const pinFile = process.env['PKCS11_PIN_FILE']
        const made = { data, module, label, regions, privateVaults, isWithoutCustodians, onLost }
        const tokens = { ...made, soPin, pin, pinFile }
        if (ceremony === undefined) {
          const { initTokens } = await import('../hsm/initTokens.ts')
          console.log([...initTokens(tokens), ...toCome].join('\n'))
          return
        }
        const { initTokensWithCustodians } = await import('../hsm/initCustodians.ts')
        console.log([...(await initTokensWithCustodians(tokens, ceremony)), ...toCome].join('\n'))
      })
    command
      .command('status')
      .description('Logs in to each region’s token once and has it compute something.')
      .option(...dataFlag)
      .option(...regionsFlag)
      .addHelpText('after', `\n${environment}`)
      .action(async ({ data, regions: wanted }: RegionsFlag) => {
        const { regions, toCome } = await regionsOf(data, wanted)
        if (process.env['HSM'] === 'simulated') {
          const { simulatedStatus } = await import('../hsm/simulatedStatus.ts')
          console.log(simulatedStatus(data, regions).join('\n'))
          return
        }
        const tokens = tokenSettings({ ...process.env, HSM: 'pkcs11' })
        if (tokens === null) return
        const { tokenStatus } = await import('../hsm/tokenStatus.ts')
        const { lines, isFit, custody } = await tokenStatus(tokens, regions, data)
        const { custodyLine } = await import('../hsm/custody.ts')
        const custodyLines = custody.map(({ region, trouble }) => custodyLine(region, trouble))
        console.log([...lines, ...custodyLines, ...toCome].join('\n'))
        if (!isFit || custody.some(({ trouble: { kind } }) => kind !== 'backupIsDue')) process.exitCode = 1
      })
    command
      .command('backup')
      .description('Writes what the custodians’ shares bring a region’s HSM into new tokens with.')
      .argument('<FILE>', 'is made')
      .option(...dataFlag)
      .requiredOption('--region <NAME>', 'which one')
      .option(...withoutFlag)
      .addHelpText('after', `\n${environment}`)
      .action(async (file: string, { data, region, without }: WithoutFlag & { readonly region: string }) => {
        const { backupRegion } = await import('../hsm/backupRegion.ts')
        console.log((await backupRegion(data, region, file, process.env, without)).join('\n'))
      })
    command
      .command('restore')
      .description('Makes a region’s tokens anew from what hsm backup has written, with the service stopped.')
      .argument('<FILE>', 'what it has written')
      .option(...dataFlag)
      .requiredOption('--share <FILE...>', 'the custodians’ shares, as many as it takes')
      .option(
        '--recovery <FILE>',
        'another recovery.json of the ceremony, or a backup that has it: where that in FILE is damaged',
      )
      .option(...withoutFlag)
      .option('--so-pin-file <FILE>', 'holds the new tokens’ security officer’s PIN, which is asked for otherwise')
      .addHelpText('after', `\n${environment}`)
      .action(async (file: string, { data, share, recovery, without = [], soPinFile }: RestoreFlags) => {
        const { restoreRegion } = await import('../hsm/restoreRegion.ts')
        const { auditAtRest } = await import('../region/chainedAtRest.ts')
        const { requireOpened } = await import('../region/requireOpened.ts')
        const copy = recovery === undefined ? {} : { recoveryCopy: recovery }
        const access = async () => ({
          module: moduleOf(process.env),
          pinFile: process.env['PKCS11_PIN_FILE'],
          ...(await bothPins(soPinFile)),
        })
        console.log(
          (
            await restoreRegion({
              data,
              file,
              shareFiles: share,
              access,
              audit: auditAtRest,
              look: requireOpened,
              without,
              ...copy,
            })
          ).join('\n'),
        )
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
      .description('Checks what hsm attest has written, or the transcript of a ceremony, by itself and offline.')
      .argument('<FILE>', 'what it has written')
      .option(
        '--root <FILE>',
        'of an attestation: the tenancy’s root, a PEM file, or a data directory, which holds one',
      )
      .option('--challenge <TEXT>', 'of an attestation: what was asked with')
      .option('--share <FILE>', 'of a transcript: whether this share is of that ceremony')
      .option(
        '--against <PLACE...>',
        'of a transcript: a data directory, backup, recovery.json or later transcript: whether another ceremony took its place',
      )
      .action(async (file: string, { root, challenge, share, against }: VerifyFlags) => {
        if (root === undefined) {
          const { verifyCeremony } = await import('../hsm/verifyCeremony.ts')
          console.log((await verifyCeremony(file, share, against)).join('\n'))
          return
        }
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
      .command('take')
      .description(
        'Gives a cloud’s tokens to this directory, whose former one never runs again, with the service stopped.',
      )
      .option(...dataFlag)
      .addHelpText('after', `\n${environment}`)
      .action(async ({ data }: DataFlag) => {
        const tokens = tokenSettings({ ...process.env, HSM: 'pkcs11' })
        if (tokens === null) return
        const { takeTokens } = await import('../hsm/takeTokens.ts')
        const { auditAtRest } = await import('../region/chainedAtRest.ts')
        console.log((await takeTokens(data, tokens, auditAtRest)).join('\n'))
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

/** With what is to be said of those that are none of the directory's yet. @throws UserError */
async function regionsOf(data: string, wanted: readonly string[] | undefined) {
  const { regionsHere, regionsToCome } = await import('../hsm/regionsHere.ts')
  const regions = wanted ?? regionsHere(data, process.env['HSM'] === 'simulated' ? null : tokenRegions(process.env))
  return { regions, toCome: regionsToCome(data, regions) }
}

/** The security officer's and the service's. @throws UserError */
async function bothPins(soPinFile: string | undefined): Promise<{ readonly soPin: string; readonly pin: string }> {
  const { pinFromFileOrPrompt } = await import('../hsm/pin.ts')
  const soPin = await pinFromFileOrPrompt(soPinFile, 'The security officer’s', '--so-pin-file')
  const pin = await pinFromFileOrPrompt(process.env['PKCS11_PIN_FILE'], 'The service’s', 'PKCS11_PIN_FILE')
  if (pin === soPin) throw new UserError('The security officer and the service have PINs of their own.')
  return { soPin, pin }
}

/** Undefined: without custodians. @throws UserError where one of the three flags is missing. */
function ceremonyOf(
  data: string,
  {
    custodian,
    custodians,
    threshold,
    transcript,
    anew,
  }: Pick<InitFlags, 'custodian' | 'custodians' | 'threshold' | 'transcript' | 'anew'>,
): Ceremony | undefined {
  if (!custodians && (custodian ?? threshold ?? transcript) !== undefined)
    throw new UserError('--no-custodians stands without --custodian, --threshold and --transcript.')
  if ((custodian ?? threshold ?? transcript ?? anew) === undefined) return undefined
  if (custodian !== undefined && threshold !== undefined && transcript !== undefined)
    return { data, shareFiles: custodian, threshold, transcript, isAnew: anew === true }
  throw new UserError('Custodians take --custodian FILE (one for each), --threshold M and --transcript FILE.')
}

/** A thousand tokens are more than a library lists in a reasonable time. */
function count(text: string): number {
  const number = Number(text)
  if (/^\d{1,4}$/.test(text) && number <= 999) return number
  throw new UserError('--private takes a number from 0 to 999.')
}

const custodiansHelp = `Custodians:
  --custodian alice.json bob.json carol.json --threshold 2 --transcript ceremony.json
  With HSM=simulated: for the simulated regions that are in --data.`

const environment = `Environment:
  PKCS11_MODULE    the path of the HSM’s PKCS#11 library
  PKCS11_PIN_FILE  holds the service’s PIN, mode 0600
  PKCS11_LABEL     what the tokens’ labels begin with (vaultspan)
  PKCS11_REGIONS   the regions that have a token (all)`
