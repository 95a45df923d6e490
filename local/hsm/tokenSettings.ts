import { editDistance } from '../../lib/iam/editDistance.ts'
import { isRegionName } from '../../lib/regionName.ts'
import { UserError } from '../../lib/userError.ts'

/** Which regions have their keys in PKCS#11 tokens, and how those are reached. */
export interface TokenSettings {
  /** The library of the HSM's vendor. */
  readonly module: string
  /** What is passed to C_Initialize as the vendor's own text; most modules take none. */
  readonly initArguments?: string
  readonly pinFile: string
  /** A region's token has this, a blank and the region's name as its label. */
  readonly label: string
  /** Null: all. */
  readonly regions: readonly string[] | null
  readonly allowsSoftwareReplicas: boolean
}

const prefix = 'PKCS11_'
const names = ['MODULE', 'PIN_FILE', 'LABEL', 'REGIONS', 'SOFTWARE_REPLICAS', 'INIT_ARGUMENTS'].map(
  (name) => prefix + name,
)
const maxSlips = 2

const defaultLabel = 'vaultspan'
/** Of any token, in bytes. */
const maxLabelLength = 32

/** Null: every HSM is simulated. @throws UserError naming the variable. */
export function tokenSettings(environment: NodeJS.ProcessEnv): TokenSettings | null {
  const {
    PKCS11_MODULE,
    PKCS11_PIN_FILE,
    PKCS11_LABEL,
    PKCS11_REGIONS,
    PKCS11_SOFTWARE_REPLICAS = 'off',
    PKCS11_INIT_ARGUMENTS,
  } = environment
  if (environment['HSM'] === undefined || requireHsmVariables(environment) === 'simulated') return null
  if (PKCS11_SOFTWARE_REPLICAS !== 'on' && PKCS11_SOFTWARE_REPLICAS !== 'off') {
    throw new UserError('PKCS11_SOFTWARE_REPLICAS takes on or off.')
  }
  return {
    module: moduleOf({ PKCS11_MODULE }),
    pinFile: needed('PKCS11_PIN_FILE', PKCS11_PIN_FILE, 'the file that holds the PIN of the tokens’ user'),
    label: labelStart({ PKCS11_LABEL }),
    regions: tokenRegions({ PKCS11_REGIONS }),
    allowsSoftwareReplicas: PKCS11_SOFTWARE_REPLICAS === 'on',
    ...(PKCS11_INIT_ARGUMENTS === undefined ? {} : { initArguments: PKCS11_INIT_ARGUMENTS }),
  }
}

/** What a start and every hsm command looks at first; undefined: HSM is not set. @throws UserError */
export function requireHsmVariables(environment: NodeJS.ProcessEnv): 'simulated' | 'pkcs11' | undefined {
  const { HSM } = environment
  if (HSM !== undefined && HSM !== 'simulated' && HSM !== 'pkcs11')
    throw new UserError('HSM takes simulated or pkcs11.')
  if (HSM === 'simulated') return HSM
  for (const name of strangers(environment)) {
    const meant = names.find((each) => editDistance(name, each) <= maxSlips)
    if (meant !== undefined) throw new UserError(`${name} is no variable here; did you mean ${meant}?`)
  }
  return HSM
}

/** Variables that begin like ours and are none: a slip, or another program's. */
export function strangers(environment: NodeJS.ProcessEnv): readonly string[] {
  return Object.keys(environment).filter((name) => name.startsWith(prefix) && !names.includes(name))
}

export function moduleOf({ PKCS11_MODULE }: NodeJS.ProcessEnv): string {
  const what = 'the path of the HSM’s PKCS#11 library, such as /usr/lib/softhsm/libsofthsm2.so'
  return needed('PKCS11_MODULE', PKCS11_MODULE, what)
}

/** What the tokens' labels begin with. @throws UserError */
export function labelStart({ PKCS11_LABEL = defaultLabel }: NodeJS.ProcessEnv): string {
  if (PKCS11_LABEL.trim() !== '') return PKCS11_LABEL
  throw new UserError(`PKCS11_LABEL is empty; it is what the tokens’ labels begin with (${defaultLabel}).`)
}

/** Null: all have a token. @throws UserError */
export function tokenRegions({ PKCS11_REGIONS }: NodeJS.ProcessEnv): readonly string[] | null {
  if (PKCS11_REGIONS === undefined) return null
  if (PKCS11_REGIONS.trim() === '') {
    throw new UserError('PKCS11_REGIONS is empty; name the regions that have a token, or leave it out: then all have.')
  }
  const regions = PKCS11_REGIONS.split(',').map((each) => each.trim())
  const wrong = regions.find((region) => !isRegionName(region))
  if (wrong === undefined) return regions
  throw new UserError(`PKCS11_REGIONS: "${wrong}" is not a region name; write it like us-ashburn-1.`)
}

/** That no region is simulated because its name was not written right. `regions`: those that there are. @throws UserError */
export function requireTokenRegions(tokens: TokenSettings | null, regions: readonly string[]): void {
  if (tokens === null) return
  for (const region of regions) if (hasToken(tokens, region)) tokenLabel(tokens, region)
  const stranger = tokens.regions?.find((region) => !regions.includes(region))
  if (stranger === undefined) return
  throw new UserError(
    `PKCS11_REGIONS names ${stranger}, which is no region here; there are ${regions.join(', ')}. One that it does not name is simulated.`,
  )
}

/** Of a directory of one region alone: whose settings know its peers, too. @throws UserError */
export function requireOwnToken(tokens: TokenSettings | null, region: string): void {
  if (tokens === null || hasToken(tokens, region)) return
  throw new UserError(
    `PKCS11_REGIONS does not name ${region}, which is the region here; name it, or set HSM=simulated for it.`,
  )
}

/** @throws UserError where it is too long for a token. */
export function tokenLabel({ label }: Pick<TokenSettings, 'label'>, region: string): string {
  const whole = `${label} ${region}`
  if (Buffer.byteLength(whole) <= maxLabelLength) return whole
  throw new UserError(
    `PKCS11_LABEL is too long: a token’s label has at most ${maxLabelLength} bytes, and "${whole}" has ${Buffer.byteLength(whole)}.`,
  )
}

export function hasToken(tokens: TokenSettings | null, region: string): tokens is TokenSettings {
  return tokens !== null && (tokens.regions === null || tokens.regions.includes(region))
}

function needed(name: string, value: string | undefined, what: string): string {
  if (value !== undefined && value !== '') return value
  const empty = value === '' ? '; it is empty' : ''
  throw new UserError(`HSM=pkcs11 needs ${name}, ${what}${empty} (docs/hsm.md).`)
}
