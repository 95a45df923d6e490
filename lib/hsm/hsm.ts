import type {
  EncryptionAlgorithm,
  KeyShape,
  MessageType,
  ProtectionMode,
  SigningAlgorithm,
  WrappingScheme,
} from './algorithms.ts'

/**
 * The port every HSM backend implements. Key bytes in plaintext never cross it: what leaves is wrapped, a MAC,
 * a public key or the result of one operation.
 */

export type * from './algorithms.ts'

/** What a vault's keys are bound to. A private vault's keys are wrapped by its own partition's root. */
export interface VaultContext {
  readonly realm: string
  readonly tenancyId: string
  readonly vaultId: string
  readonly isPrivate: boolean
}

/** What a key version's blob is bound to by its MAC. No region and no revision: a blob is the same in every region. */
export interface MaterialContext {
  readonly keyId: string
  /** 32 hex digits, random, for the life of the material. */
  readonly materialId: string
  readonly shape: KeyShape
  readonly protectionMode: ProtectionMode
  readonly isExportable: boolean
}

/** What a vault's wrapping key is bound to by its MAC: RSA-4096, of the HSM, never exportable, and of no other use. */
export interface WrappingKeyContext {
  readonly keyId: string
  /** 32 hex digits, as of any material. */
  readonly materialId: string
}

declare const brand: unique symbol
/** A key version outside the HSM: the material under a vault's KEK (AES-KWP, base64) and the blob MAC (base64). */
export interface WrappedKey {
  readonly [brand]?: 'WrappedKey'
  readonly format: 'vaultspan/key/1'
  readonly blob: string
  readonly mac: string
  /** PEM SubjectPublicKeyInfo of an RSA or ECDSA key; covered by the blob MAC. */
  readonly publicKey?: string
}

/** A vault's three keys under one region's root (AES-KWP, base64): of its region alone, never replicated as a row. */
export interface WrappedVaultKeys {
  /**
   * With `+token` the KEK for HSM keys is under a token's root: its blob and a MAC, each base64, with a dot between. With
   * `+partition` likewise, in a token that the vault has to itself. With `+kms` both KEKs are under `dataKey` too.
   */
  readonly format: `vaultspan/vault-keys/1${'' | '+token' | '+partition' | '+kms'}`
  /** Null, as is `softwareKek` then, once destroyed. */
  readonly hsmKek: string | null
  readonly softwareKek: string | null
  readonly macKey: string
  readonly dataKey?: string
}

export interface WrappingKey {
  readonly context: WrappingKeyContext
  readonly wrapped: WrappedKey
}

export interface VaultKeysOf {
  /** For which they are wrapped. */
  readonly context: VaultContext
  readonly wrapped: WrappedVaultKeys
}

/** A vault's three keys under its tenancy's backup keys, for its context only (AES-KWP, base64). The same in every region. */
export interface VaultKeysBackup {
  readonly format: 'vaultspan/vault-keys-backup/1'
  readonly hsmKek: string
  readonly softwareKek: string
  readonly macKey: string
}

/** What a blob was bound to before. */
export interface Binding {
  readonly vault: VaultContext
  readonly material: MaterialContext
}

/** A key while it is held. AES answers at once; RSA and ECDSA private operations run off the event loop. */
export interface UsableKey {
  /** @throws KmsError invalidParameter for an algorithm that does not fit the key, or a plaintext too long for RSA. */
  encrypt(
    algorithm: EncryptionAlgorithm,
    plaintext: Uint8Array,
    associatedData: Readonly<Record<string, string>>,
  ): Promise<Buffer> | Buffer
  /** @throws KmsError invalidParameter, one uniform text for every ciphertext that does not open. */
  decrypt(
    algorithm: EncryptionAlgorithm,
    ciphertext: Uint8Array,
    associatedData: Readonly<Record<string, string>>,
  ): Promise<Buffer> | Buffer
  /** ECDSA signatures are ASN.1 DER. With DIGEST the message is the digest. @throws KmsError invalidParameter (algorithm, digest length). */
  sign(algorithm: SigningAlgorithm, messageType: MessageType, message: Uint8Array): Promise<Buffer>
  /** False for any signature that does not verify, however malformed. */
  verify(
    algorithm: SigningAlgorithm,
    messageType: MessageType,
    message: Uint8Array,
    signature: Uint8Array,
  ): Promise<boolean>
}

/**
 * A vault opened in this HSM. Handles are cached; a caller holds one only while it works.
 * What needs a KEK throws KmsError integrityFailure where the vault's were destroyed; row MACs work on.
 */
export interface VaultKeys {
  /** AES-CMAC under the vault's MAC key and the label `row/v1`, 16 bytes. */
  rowMac(canonicalRow: string): Buffer
  /** Constant time. */
  isRowMac(canonicalRow: string, mac: Uint8Array): boolean
  generate(context: MaterialContext): Promise<WrappedKey>
  /** The RSA-4096 key under which callers wrap what they import; made off the event loop, 0.6 to 1.6 s. `use` refuses it. */
  generateWrappingKey(context: WrappingKeyContext): Promise<WrappedKey>
  /**
   * A key from material that a caller wrapped with the vault's wrapping key: raw AES bytes, or an RSA key of two primes
   * as unencrypted PKCS#8 DER. The public key is derived.
   * @throws KmsError invalidParameter, one uniform text for every blob that gives no key of this shape; others for what
   * is wrong whatever the blob is: an ECDSA shape, or RSA with RSA_OAEP_SHA256.
   * @throws KmsError integrityFailure where the wrapping key does not fit its context.
   */
  importWrapped(
    context: MaterialContext,
    wrappingKey: WrappingKey,
    scheme: WrappingScheme,
    blob: Uint8Array,
  ): Promise<WrappedKey>
  /**
   * The material under a caller's RSA public key: raw AES bytes, or PKCS#8 DER of an RSA or ECDSA key.
   * @throws KmsError invalidParameter where the key is HSM-protected or not exportable, the scheme has no room for its
   * shape, or `publicKeyPem` is no RSA key of 2048, 3072 or 4096 bits as PEM SubjectPublicKeyInfo.
   * @throws KmsError integrityFailure as `use` does.
   */
  exportUnder(
    context: MaterialContext,
    wrapped: WrappedKey,
    scheme: WrappingScheme,
    publicKeyPem: string,
  ): Promise<Buffer>
  /**
   * Verifies the blob MAC, unwraps, and lends the key to `work` (least recently used handles are dropped).
   * @throws KmsError integrityFailure where MAC, context or blob do not fit together.
   */
  use<T>(context: MaterialContext, wrapped: WrappedKey, work: (key: UsableKey) => Promise<T> | T): Promise<T>
  /** Lets go of the key's cached handle, for a key that is destroyed. One in use goes when its work ends. */
  dropHandle(context: MaterialContext, wrapped: WrappedKey): void
  /**
   * The same blob bound to this vault and another key, for a vault that was restored under another OCID and so has the
   * keys of the old one. Material id, shape, protection mode and exportability stay.
   * @throws KmsError integrityFailure where the blob was not bound as `from` says, or more than the names changes.
   */
  rebind(from: Binding, wrapped: WrappedKey, to: MaterialContext): WrappedKey
}

/** A statement that a region's identity key speaks for a region of a tenancy, signed by the tenancy's root (P-384, DER, base64). */
export interface RegionStatement {
  readonly format: 'vaultspan/region-statement/1'
  readonly realm: string
  readonly tenancyId: string
  readonly region: string
  /** PEM SubjectPublicKeyInfo, P-384. */
  readonly publicKey: string
  readonly signature: string
}

export interface TransferContext {
  readonly realm: string
  readonly tenancyId: string
  readonly vaultId: string
  readonly isPrivate: boolean
  readonly source: string
  readonly destination: string
  readonly epoch: string
}

/** Made by the destination's HSM for one transfer. `privateKey` is under its root: the caller stores it and deletes it after use. */
export interface TransportKey {
  readonly offer: TransportOffer
  readonly privateKey: string
}

export interface TransportOffer {
  readonly format: 'vaultspan/transport-offer/1'
  readonly context: TransferContext
  readonly transportKeyId: string
  /** 32 random bytes, base64. */
  readonly challenge: string
  /** PEM SubjectPublicKeyInfo, RSA-3072, used for OAEP once. */
  readonly publicKey: string
  /** By which OAEP, the best first (absent: SHA-256), and where the keys will be kept (absent: in a process). */
  readonly wraps?: readonly OaepWrap[]
  readonly keeper?: 'token'
  readonly statement: RegionStatement
  /** Over every other member, by the destination's identity key. */
  readonly signature: string
}

/** SHA-1 is for tokens that know no other. */
export type OaepWrap = 'oaep-sha256' | 'oaep-sha1'

export interface TransferBundle {
  readonly format: 'vaultspan/transfer-bundle/1+oaep-sha256' | 'vaultspan/transfer-bundle/1+oaep-sha1'
  readonly context: TransferContext
  readonly transportKeyId: string
  readonly challenge: string
  /** An ephemeral AES-256 key under RSA-OAEP, base64. */
  readonly oaep: string
  /** Each vault key under the ephemeral key (AES-KWP), base64. */
  readonly kwp: { readonly hsmKek: string; readonly softwareKek: string; readonly macKey: string }
  readonly statement: RegionStatement
  /** Over every other member, by the source's identity key. */
  readonly signature: string
}

export interface HsmCapabilities {
  /** Shown at start-up and in banners, e.g. `simulated HSM (software)`. */
  readonly name: string
  readonly isSimulated: boolean
  readonly shapes: readonly string[]
}

export interface Hsm {
  readonly region: string
  /** Runs a known answer for each algorithm. @throws where one fails: the process must not start. */
  selfTest(): Promise<HsmCapabilities>
  /** @throws KmsError limitExceeded where a private vault needs a partition and none is free; so do those that restore and import. */
  createVaultKeys(context: VaultContext): Promise<WrappedVaultKeys>
  /** @throws KmsError integrityFailure where the keys were not wrapped by this HSM for this vault. */
  openVault(context: VaultContext, wrapped: WrappedVaultKeys): VaultKeys
  /**
   * For a vault that is deleted: its keys with the MAC key only, so that its rows still verify but no key opens. This HSM
   * lets go of what it opened of the vault; whoever kept the former wrapped keys can open them again.
   * @throws KmsError integrityFailure as `openVault` does.
   */
  withoutKeks(context: VaultContext, wrapped: WrappedVaultKeys): WrappedVaultKeys
  /** Whether something is set apart here for this vault alone. */
  hasPartition(context: VaultContext): boolean
  /**
   * What this HSM has set apart for a private vault alone goes back to its pool, and everything in it is destroyed: what is
   * left of the vault opens nothing. After the rows say so, never before. Does nothing where there is nothing.
   */
  releasePartition(context: VaultContext, why: 'neverWas' | 'isDeleted'): void
  /** @throws KmsError integrityFailure where the two are not of one tenancy, or the vault's KEKs were destroyed. */
  backUpVaultKeys(backup: VaultKeysOf, vault: VaultKeysOf): Promise<VaultKeysBackup> | VaultKeysBackup
  /**
   * The saved keys of the vault `from`, wrapped by this HSM for the vault `to`, which may have another OCID.
   * @throws KmsError integrityFailure where they do not open with these backup keys, or `to` is of another kind or tenancy.
   */
  restoreVaultKeys(
    backup: VaultKeysOf,
    from: VaultContext,
    saved: VaultKeysBackup,
    to: VaultContext,
  ): Promise<WrappedVaultKeys> | WrappedVaultKeys
  /** The id of the material an AES ciphertext was made with; undefined where the bytes are no such ciphertext. */
  ciphertextMaterialId(ciphertext: Uint8Array): string | undefined

  /** @throws KmsError integrityFailure where this region holds no statement for the tenancy. */
  statement(tenancyId: string): RegionStatement
  /** PEM of the root that this region pins for the tenancy. @throws as `statement`. */
  trustRoot(tenancyId: string): string
  /** The highest number of an identity entry that this HSM was told of; 0: none. Kept with its state. */
  identityHead(tenancyId: string): number
  /** Never goes back, and knows only tenancies of which this region holds a statement. */
  advanceIdentityHead(tenancyId: string, seq: number): void
  /** P-384 over SHA-384 of the bytes, DER, by the region's identity key; off the event loop. */
  sign(bytes: Uint8Array): Promise<Buffer>
  /** True where the pinned root of the statement's tenancy signed the statement and its key signed the bytes. */
  isSignedBy(statement: RegionStatement, bytes: Uint8Array, signature: Uint8Array): Promise<boolean>

  createTransportKey(context: TransferContext): Promise<TransportKey>
  /** Wraps the vault's keys for the offer. @throws KmsError integrityFailure where offer and context do not fit. */
  exportVaultKeys(context: TransferContext, wrapped: WrappedVaultKeys, offer: TransportOffer): Promise<TransferBundle>
  /** @throws KmsError integrityFailure for a wrong signer, challenge, destination, vault or transport key. */
  importVaultKeys(
    context: TransferContext,
    bundle: TransferBundle,
    transportKey: TransportKey,
  ): Promise<WrappedVaultKeys>
}
