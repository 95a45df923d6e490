/** What was answered, and therefore must be there whatever was killed since. */
export type Shown = Readonly<Record<string, unknown>>

export interface OwnedVault {
  readonly id: string
  readonly endpoint: string
  /** The endpoint of its region. */
  readonly home: string
  shown: Shown
  /** What was asked for last. */
  replica: 'none' | 'wanted'
  readonly keys: OwnedKey[]
  isTouched: boolean
}

export interface OwnedKey {
  readonly id: string
  readonly vault: OwnedVault
  shown: Shown
  /** By id, the state of each. */
  readonly versions: Map<string, string>
  readonly ciphertexts: { readonly versionId: string; readonly text: string }[]
  isTouched: boolean
}

export interface OwnedIdentity {
  readonly id: string
  readonly kind: 'policies' | 'compartments'
  /** Undefined: deleted. */
  shown: Shown | undefined
  isTouched: boolean
}

/** Differ between two regions, or with the time of the call. */
const ofRegion = new Set(['isPrimary', 'replicaDetails', 'cryptoEndpoint', 'managementEndpoint', 'isAccessible'])

export function shownOf(body: Record<string, unknown>): Shown {
  return Object.fromEntries(Object.entries(body).filter(([name]) => !ofRegion.has(name)))
}

export interface Ledger {
  readonly vaults: OwnedVault[]
  readonly identity: OwnedIdentity[]
}

export function keysOf({ vaults }: Ledger): readonly OwnedKey[] {
  return vaults.flatMap(({ keys }) => keys)
}
