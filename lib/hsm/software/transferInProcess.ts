import { createPrivateKey, createPublicKey, createSecretKey, randomBytes, type KeyObject } from 'node:crypto'
import { oaepWraps, requireThat } from '../formats/transfer.ts'
import type { OaepWrap, TransferBundle, VaultContext, WrappedVaultKeys } from '../hsm.ts'
import { unwrapKey, wrapKey } from '../primitives/keyWrap.ts'
import { rsaDecrypt, rsaEncrypt } from '../primitives/rsa.ts'
import { mapVaultKeys, VAULT_KEY_LENGTH, type VaultRoot } from './vaultRoot.ts'

/** How a vault's keys cross where the process holds them; pkcs11/transferInToken.ts is the same for a token. */

export const TRANSPORT_KEY_BITS = 3072

/** Every region opens either, so that a token that knows SHA-1 only can send to it. */
export const processWraps: readonly OaepWrap[] = ['oaep-sha256', 'oaep-sha1']

/** What is sent: a vault's keys as its row holds them, to whoever has the key for `recipient`, a public key in PEM. */
export interface ExportedVault {
  readonly context: VaultContext
  readonly wrapped: WrappedVaultKeys
  readonly recipient: string
  readonly wrap: OaepWrap
}

/** The vault's keys under an ephemeral key, and that under the peer's public key. */
export function exportInProcess(
  root: VaultRoot,
  { context, wrapped, recipient, wrap }: ExportedVault,
): Pick<TransferBundle, 'oaep' | 'kwp'> {
  const keys = root.openVaultKeys(context, wrapped)
  const ephemeral = randomBytes(VAULT_KEY_LENGTH)
  try {
    const kek = createSecretKey(ephemeral)
    const kwp = mapVaultKeys((name) => wrapExported(kek, keys[name]))
    return { oaep: rsaEncrypt(createPublicKey(recipient), oaepWraps[wrap], ephemeral).toString('base64'), kwp }
  } finally {
    ephemeral.fill(0)
  }
}

/** What came under the ephemeral key, under this root. `pkcs8`: the transport key, which is filled with zeros. */
export async function importInProcess(
  root: VaultRoot,
  {
    context,
    bundle,
    pkcs8,
    wrap,
  }: {
    readonly context: VaultContext
    readonly bundle: TransferBundle
    readonly pkcs8: Buffer
    readonly wrap: OaepWrap
  },
): Promise<WrappedVaultKeys> {
  const kek = await ephemeralKey(bundle, pkcs8, wrap)
  return root.wrapVaultKeys(context, (name) => {
    const secret = unwrapKey(kek, Buffer.from(bundle.kwp[name], 'base64'))
    requireThat(secret?.length === VAULT_KEY_LENGTH, 'a vault key does not unwrap')
    return secret
  })
}

async function ephemeralKey({ oaep }: TransferBundle, pkcs8: Buffer, wrap: OaepWrap): Promise<KeyObject> {
  let ephemeral: Buffer | undefined
  try {
    const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
    ephemeral = await rsaDecrypt(key, oaepWraps[wrap], Buffer.from(oaep, 'base64'))
    requireThat(ephemeral?.length === VAULT_KEY_LENGTH, 'its ephemeral key does not decrypt')
    return createSecretKey(ephemeral)
  } finally {
    pkcs8.fill(0)
    ephemeral?.fill(0)
  }
}

function wrapExported(kek: KeyObject, key: KeyObject): string {
  const secret = key.export()
  try {
    return wrapKey(kek, secret).toString('base64')
  } finally {
    secret.fill(0)
  }
}
