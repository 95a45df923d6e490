import { createSecretKey } from 'node:crypto'
import { canonicalJson } from '../../canonicalJson.ts'
import { KmsError } from '../../errors.ts'
import type { VaultContext, WrappedVaultKeys } from '../../hsm/hsm.ts'
import { Cmac } from '../../hsm/primitives/cmac.ts'
import { deriveKey } from '../../hsm/primitives/kdf.ts'
import { unwrapKey, wrapKey } from '../../hsm/primitives/keyWrap.ts'
import { requireFormat } from '../../requireFormat.ts'
import type { EncryptionContext, KeyService } from './keyService.ts'

export interface KekPorts {
  readonly keys: KeyService
  readonly region: string
  /** Of the deployment: `vaultspan-{stage}`. */
  readonly resourcePrefix: string
}

const plainFormat = 'vaultspan/vault-keys/1'
export const kmsFormat = 'vaultspan/vault-keys/1+kms'
type KekName = 'hsmKek' | 'softwareKek'

interface LivingKeys extends WrappedVaultKeys {
  readonly hsmKek: string
  readonly softwareKek: string
}

/** What `underKms` makes. */
interface KmsWrapped extends LivingKeys {
  readonly dataKey: string
}

/** deploy/roles.ts grants the key for contexts of this form only, and whoever closes one vault denies its context. */
export function kekContext(
  { region, resourcePrefix }: Pick<KekPorts, 'region' | 'resourcePrefix'>,
  { tenancyId, vaultId }: Pick<VaultContext, 'tenancyId' | 'vaultId'>,
) {
  return {
    'vaultspan:purpose': 'vault-keks',
    'vaultspan:deployment': resourcePrefix,
    'vaultspan:region': region,
    'vaultspan:tenancy': tenancyId,
    'vaultspan:vault': vaultId,
  } satisfies EncryptionContext
}

/**
 * Wraps both KEKs, which the HSM's root has wrapped, once more: under a data key of the vault's own, which the key service
 * alone opens. The MAC key stays as it is, so that whoever lists can verify rows and open nothing. Nothing is unwrapped.
 */
export async function underKms(
  ports: KekPorts,
  context: VaultContext,
  wrapped: WrappedVaultKeys,
): Promise<WrappedVaultKeys> {
  requireFormat('A row of wrapped vault keys', wrapped, plainFormat)
  if (!areLiving(wrapped)) return wrapped
  const { plaintext, wrapped: dataKey } = await ports.keys.generateDataKey(kekContext(ports, context))
  return withKeyOf(plaintext, context, (keyFor) => {
    const wrapAgain = (name: KekName) => wrapKey(keyFor(name), Buffer.from(wrapped[name], 'base64')).toString('base64')
    return {
      format: kmsFormat,
      hsmKek: wrapAgain('hsmKek'),
      softwareKek: wrapAgain('softwareKek'),
      macKey: wrapped.macKey,
      dataKey: Buffer.from(dataKey).toString('base64'),
    }
  })
}

/** Under the key that the key service uses now; what no key service wrapped, or what is destroyed, as it is. */
export async function rewrapped(
  ports: KekPorts,
  context: VaultContext,
  wrapped: WrappedVaultKeys,
): Promise<WrappedVaultKeys> {
  if (wrapped.format === plainFormat || !areLiving(wrapped)) return wrapped
  requireKmsWrapped(context, wrapped)
  const dataKey = await ports.keys.reEncrypt(Buffer.from(wrapped.dataKey, 'base64'), kekContext(ports, context))
  return { ...wrapped, dataKey: Buffer.from(dataKey).toString('base64') }
}

/** As the HSM's root wrapped them. Rows of older versions, which no key service wrapped, are given as they are. */
export async function fromKms(
  ports: KekPorts,
  context: VaultContext,
  wrapped: WrappedVaultKeys,
): Promise<WrappedVaultKeys> {
  if (wrapped.format === plainFormat) return wrapped
  requireKmsWrapped(context, wrapped)
  const { macKey, dataKey } = wrapped
  const plaintext = await ports.keys.decrypt(Buffer.from(dataKey, 'base64'), kekContext(ports, context))
  return withKeyOf(plaintext, context, (keyFor) => {
    const unwrap = (name: KekName) => {
      const inner = unwrapKey(keyFor(name), Buffer.from(wrapped[name], 'base64'))
      if (inner === undefined) throw notOurs(context)
      return inner.toString('base64')
    }
    return { format: plainFormat, hsmKek: unwrap('hsmKek'), softwareKek: unwrap('softwareKek'), macKey }
  })
}

export function areLiving(wrapped: WrappedVaultKeys): wrapped is LivingKeys {
  return wrapped.hsmKek !== null && wrapped.softwareKek !== null
}

/** @throws KmsError integrityFailure for another form, and where something is missing. */
export function requireKmsWrapped(context: VaultContext, wrapped: WrappedVaultKeys): asserts wrapped is KmsWrapped {
  requireFormat('A row of wrapped vault keys', wrapped, kmsFormat)
  if (!areLiving(wrapped) || wrapped.dataKey === undefined) throw notOurs(context)
}

/** A key for each KEK, or whoever writes to the table could exchange one for the other. The data key is filled with zeros. */
function withKeyOf<T>(
  dataKey: Uint8Array,
  { realm, tenancyId, vaultId, isPrivate }: VaultContext,
  work: (keyFor: (name: KekName) => ReturnType<typeof deriveKey>) => T,
): T {
  try {
    const cmac = new Cmac(createSecretKey(dataKey))
    const bound = canonicalJson({ realm, tenancyId, vaultId, isPrivate })
    return work((name) => deriveKey(cmac, `vault-keks/${name}`, bound))
  } finally {
    dataKey.fill(0)
  }
}

function notOurs({ vaultId }: VaultContext): KmsError {
  return new KmsError(
    'integrityFailure',
    `The KEKs of vault ${vaultId} were not wrapped for this vault, or were altered.`,
  )
}
