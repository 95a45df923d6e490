/** A key that never leaves where it is and wraps others; on AWS, a key of AWS KMS (lib/aws/awsKeyService.ts). */
export interface KeyService {
  /** A new AES-256 key, in plaintext and wrapped; only the same context unwraps it. */
  generateDataKey(context: EncryptionContext): Promise<{ readonly plaintext: Uint8Array; readonly wrapped: Uint8Array }>
  /** @throws KmsError integrityFailure for another context, and for what this key did not wrap. */
  decrypt(wrapped: Uint8Array, context: EncryptionContext): Promise<Uint8Array>
  /** Wrapped anew by the key that wraps now, in the same context; the plaintext stays in the service. @throws as `decrypt`. */
  reEncrypt(wrapped: Uint8Array, context: EncryptionContext): Promise<Uint8Array>
}

/** Shown in CloudTrail with each call, and what policies may ask for: no secrets. */
export type EncryptionContext = Readonly<Record<string, string>>
