import { randomBytes } from 'node:crypto'
import type { KeyShape, MaterialContext, VaultContext, VaultKeys, WrappedKey } from '../lib/hsm/hsm.ts'
import type { ProvisionedHsm } from '../lib/hsm/provisionedHsm.ts'

export const context: VaultContext = { realm: 'oc1', tenancyId: 't', vaultId: 'v', isPrivate: false }
export const shapes = {
  AES: { algorithm: 'AES', length: 32 },
  RSA: { algorithm: 'RSA', length: 256 },
  ECDSA: { algorithm: 'ECDSA', length: 32, curveId: 'NIST_P256' },
} as const satisfies Record<string, KeyShape>
export const plaintext = randomBytes(32)

export async function vaultOf(hsm: ProvisionedHsm): Promise<VaultKeys> {
  return hsm.openVault(context, await hsm.createVaultKeys(context))
}

export function materialOf(shape: KeyShape): MaterialContext {
  return { keyId: 'k', materialId: '0'.repeat(32), shape, protectionMode: 'HSM', isExportable: false }
}

/** One encryption or signature. */
export function used(vault: VaultKeys, material: MaterialContext, wrapped: WrappedKey): Promise<unknown> {
  return vault.use(material, wrapped, (key) => {
    switch (material.shape.algorithm) {
      case 'AES':
        return key.encrypt('AES_256_GCM', plaintext, {})
      case 'RSA':
        return key.sign('SHA_256_RSA_PKCS_PSS', 'RAW', plaintext)
      case 'ECDSA':
        return key.sign('ECDSA_SHA_256', 'RAW', plaintext)
    }
  })
}
