/** What `startVaultspan` gives and takes. It imports nothing: the package carries it as it is. */

export interface VaultspanOptions {
  /** The first one is the home region. Default: us-ashburn-1, us-phoenix-1. */
  readonly regions?: readonly string[]
  /** Whether CreateVaultReplica needs `Allow service keymanagementservice to manage vaults in tenancy`. Default: false. */
  readonly requiresServicePolicy?: boolean
  /** strict: 503 instead of an answer that only one region knows of. Default: available. */
  readonly replicationAck?: 'available' | 'strict'
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
