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

export const defaultLabel = 'vaultspan'

/** Null: every HSM is simulated. @throws UserError naming the variable. */
export function tokenSettings({
  HSM = 'simulated',
  PKCS11_MODULE,
  PKCS11_PIN_FILE,
  PKCS11_LABEL = defaultLabel,
  PKCS11_REGIONS,
  PKCS11_SOFTWARE_REPLICAS = 'off',
  PKCS11_INIT_ARGUMENTS,
}: NodeJS.ProcessEnv): TokenSettings | null {
  if (HSM === 'simulated') return null
  if (HSM !== 'pkcs11') throw new UserError('HSM takes simulated or pkcs11.')
  if (PKCS11_SOFTWARE_REPLICAS !== 'on' && PKCS11_SOFTWARE_REPLICAS !== 'off') {
    throw new UserError('PKCS11_SOFTWARE_REPLICAS takes on or off.')
  }
  return {
    module: moduleOf({ PKCS11_MODULE }),
    pinFile: needed('PKCS11_PIN_FILE', PKCS11_PIN_FILE, 'the file that holds the PIN of the tokens’ user'),
    label: PKCS11_LABEL,
    regions: PKCS11_REGIONS?.split(',').map((each) => each.trim()) ?? null,
    allowsSoftwareReplicas: PKCS11_SOFTWARE_REPLICAS === 'on',
    ...(PKCS11_INIT_ARGUMENTS === undefined ? {} : { initArguments: PKCS11_INIT_ARGUMENTS }),
  }
}

export function moduleOf({ PKCS11_MODULE }: NodeJS.ProcessEnv): string {
  const what = 'the path of the HSM’s PKCS#11 library, such as /usr/lib/softhsm/libsofthsm2.so'
  return needed('PKCS11_MODULE', PKCS11_MODULE, what)
}

export function tokenLabel({ label }: Pick<TokenSettings, 'label'>, region: string): string {
  return `${label} ${region}`
}

export function hasToken(tokens: TokenSettings | null, region: string): tokens is TokenSettings {
  return tokens !== null && (tokens.regions === null || tokens.regions.includes(region))
}

function needed(name: string, value: string | undefined, what: string): string {
  if (value !== undefined && value !== '') return value
  throw new UserError(`HSM=pkcs11 needs ${name}, ${what} (docs/hsm.md).`)
}
