/** What `startVaultspan` gives and takes. It imports nothing: the package carries it as it is. */

export interface VaultspanOptions {
  /** The first one is the home region. Default: us-ashburn-1, us-phoenix-1. */
  readonly regions?: readonly string[]
  /** Whether CreateVaultReplica needs `Allow service keymanagementservice to manage vaults in tenancy`. Default: false. */
  readonly requiresServicePolicy?: boolean
  /** strict: 503 instead of an answer that only one region knows of. Default: available. */
  readonly replicationAck?: 'available' | 'strict'
  /** What is to be there, or the path of a JSON file that says it. */
  readonly init?: VaultspanInit | string
}

/** What is to be there from the start, as in `vaultspan start --init FILE`: names stand for OCIDs. */
export interface VaultspanInit {
  readonly compartments?: readonly { readonly name: string; readonly description?: string; readonly parent?: string }[]
  readonly groups?: readonly { readonly name: string; readonly description?: string }[]
  readonly users?: readonly {
    readonly name: string
    readonly description?: string
    readonly email?: string
    readonly groups?: readonly string[]
    /** PEM, for signing requests. */
    readonly publicKeys?: readonly string[]
  }[]
  readonly policies?: readonly {
    readonly name: string
    readonly description?: string
    readonly compartment?: string
    readonly statements: readonly string[]
  }[]
  readonly vaults?: readonly {
    readonly name: string
    readonly compartment?: string
    /** Default: the home region. */
    readonly region?: string
    readonly type?: 'DEFAULT' | 'VIRTUAL_PRIVATE'
    /** A region. */
    readonly replicateTo?: string
    readonly keys?: readonly {
      readonly name: string
      /** Default: the vault's. */
      readonly compartment?: string
      /** As OCI's keyShape. Default: AES, 32 bytes. */
      readonly shape?: { readonly algorithm: string; readonly length: number; readonly curveId?: string }
      readonly protectionMode?: 'HSM' | 'SOFTWARE'
      readonly versions?: number
    }[]
  }[]
}

export interface MadeVault {
  readonly id: string
  readonly region: string
  readonly managementEndpoint: string
  readonly cryptoEndpoint: string
  readonly replica?: { readonly region: string; readonly managementEndpoint: string; readonly cryptoEndpoint: string }
  /** OCIDs by name. */
  readonly keys: Readonly<Record<string, string>>
}

/** The OCIDs of what an init names, by name. */
export interface MadeByInit {
  readonly compartments: Readonly<Record<string, string>>
  readonly groups: Readonly<Record<string, string>>
  readonly users: Readonly<Record<string, string>>
  readonly policies: Readonly<Record<string, string>>
  readonly vaults: Readonly<Record<string, MadeVault>>
}

/** A running cloud in memory. */
export interface Vaultspan {
  readonly regions: readonly { readonly region: string; readonly endpoint: string }[]
  readonly homeRegion: string
  /** Also the OCID of the root compartment. */
  readonly tenancyId: string
  readonly administrator: {
    readonly userId: string
    readonly fingerprint: string
    readonly privateKeyPem: string
  }
  /** An OCI configuration file whose DEFAULT profile is the administrator; gone after `close`. */
  readonly configFile: string
  /** What `init` named, by name; empty without one. */
  readonly made: MadeByInit
  /** Of a region, by default the home region. @throws RangeError where there is no such one. */
  endpoint(region?: string): string
  readonly faults: {
    /** No socket of the region answers any more, and nothing passes between it and others. */
    cut(region: string): Promise<void>
    /** It takes what comes and never answers. */
    hang(region: string): Promise<void>
    /** It answers 503. */
    refuse(region: string): Promise<void>
    /** Every message between the two takes this long, in both directions. */
    slow(a: string, b: string, delayMs: number): void
    heal(): Promise<void>
  }
  readonly clock: {
    now(): Date
    /** Moves all regions' clocks on, and does what falls due by then. The dates of requests are judged by the real clock. */
    advance(ms: number): Promise<void>
  }
  /** Resolves when nothing is left to be sent, applied or done. */
  idle(): Promise<void>
  close(): Promise<void>
}
