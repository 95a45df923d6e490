import type {
  KeyShape,
  MaterialContext,
  TransferContext,
  VaultContext,
  WrappedVaultKeys,
} from '../../../lib/hsm/hsm.ts'

export const realm = 'oc1'
export const tenancyId = 'ocid1.tenancy.oc1..home'
export const aes256: KeyShape = { algorithm: 'AES', length: 32 }
export const rsa2048: KeyShape = { algorithm: 'RSA', length: 256 }
export const ecdsaShapes = {
  NIST_P256: { algorithm: 'ECDSA', length: 32, curveId: 'NIST_P256' },
  NIST_P384: { algorithm: 'ECDSA', length: 48, curveId: 'NIST_P384' },
  NIST_P521: { algorithm: 'ECDSA', length: 66, curveId: 'NIST_P521' },
} as const satisfies Record<string, KeyShape>

export function aVault(changes: Partial<VaultContext> = {}): VaultContext {
  return { realm, tenancyId, vaultId: 'ocid1.vault.oc1.eu-test-1.v.one', isPrivate: false, ...changes }
}

export function aMaterial(changes: Partial<MaterialContext> = {}): MaterialContext {
  return {
    keyId: 'ocid1.key.oc1.eu-test-1.v.one',
    materialId: '00112233445566778899aabbccddeeff',
    shape: aes256,
    protectionMode: 'HSM',
    isExportable: false,
    ...changes,
  }
}

/** The texts of a vault's keys, none of which was destroyed. */
export function textsOf({ hsmKek, softwareKek, macKey }: WrappedVaultKeys) {
  if (hsmKek === null || softwareKek === null) throw new Error('The KEKs of the vault were destroyed.')
  return { hsmKek, softwareKek, macKey }
}

export function aTransfer(changes: Partial<TransferContext> = {}): TransferContext {
  return { ...aVault(), source: 'eu-test-1', destination: 'us-test-1', epoch: '1:eu-test-1', ...changes }
}

/** The same text with another character in its middle, where base64 has no padding bits. */
export function altered(text: string): string {
  const middle = Math.floor(text.length / 2)
  return text.slice(0, middle) + (text[middle] === 'A' ? 'B' : 'A') + text.slice(middle + 1)
}

/** What a refusal looks like to `toThrow` and to `toEqual` alike. */
export function coded(code: string): Error {
  return expect.objectContaining({ name: 'KmsError', code }) as Error
}
