import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import type { Hsm, KeyShape, VaultKeys, WrappedKey, WrappingKey, WrappingScheme } from '../../../lib/hsm/hsm.ts'
import { knownCallersKey } from '../../harness/knownRsaPair.ts'
import { aes256, aMaterial, aVault, coded } from './fixtures.ts'
import { unwrapOutside } from '../tokens/outside.ts'

export const toTakeOut = { protectionMode: 'SOFTWARE', isExportable: true } as const

/** A vault with its wrapping key, and somebody outside who puts keys in and takes them out again. */
export interface Importer {
  readonly vault: VaultKeys
  readonly wrappingKey: WrappingKey
  /** Of the wrapping key. */
  readonly pem: string
  /** The one text with which blobs are refused. */
  readonly usual: string
  put(shape: KeyShape, scheme: WrappingScheme, blob: Uint8Array): Promise<WrappedKey>
  /** What the vault holds after an import, taken out again. */
  kept(shape: KeyShape, scheme: WrappingScheme, blob: Uint8Array): Promise<Buffer>
  /** The text of the refusal. */
  refusal(shape: KeyShape, scheme: WrappingScheme, blob: Uint8Array): Promise<string>
}

export async function anImporter(hsm: Hsm): Promise<Importer> {
  const recipient = aRecipient(2048)
  const vault = hsm.openVault(aVault(), await hsm.createVaultKeys(aVault()))
  const wrappingKey = await aWrappingKey(vault)

  function put(shape: KeyShape, scheme: WrappingScheme, blob: Uint8Array) {
    return vault.importWrapped(aMaterial({ shape, ...toTakeOut }), wrappingKey, scheme, blob)
  }

  async function kept(shape: KeyShape, scheme: WrappingScheme, blob: Uint8Array) {
    const wrapped = await put(shape, scheme, blob)
    const context = aMaterial({ shape, ...toTakeOut })
    const exported = await vault.exportUnder(context, wrapped, 'RSA_OAEP_AES_SHA256', recipient.pem)
    return unwrapOutside(recipient.privateKey, 'RSA_OAEP_AES_SHA256', exported)
  }

  async function refusal(shape: KeyShape, scheme: WrappingScheme, blob: Uint8Array) {
    const outcome: unknown = await put(shape, scheme, blob).catch((error: unknown) => error)
    expect(outcome).toEqual(coded('invalidParameter'))
    return (outcome as Error).message
  }

  const usual = await refusal(aes256, 'RSA_OAEP_SHA256', Buffer.alloc(512))
  return { vault, wrappingKey, pem: wrappingKey.wrapped.publicKey ?? '', usual, put, kept, refusal }
}

export async function aWrappingKey(vault: VaultKeys): Promise<WrappingKey> {
  const context = { keyId: 'ocid1.key.oc1.eu-test-1.v.wrapping', materialId: 'ab'.repeat(16) }
  return { context, wrapped: await vault.generateWrappingKey(context) }
}

/** One of the fixture: a fresh pair of 4096 bits costs a second of a core, and whose it is decides nothing. */
export function aKnownRecipient(modulusLength: number): { privateKey: KeyObject; pem: string } {
  const { privateKey, publicKey } = knownCallersKey(modulusLength)
  return { privateKey, pem: publicKey.export({ type: 'spki', format: 'pem' }).toString() }
}

export function aRecipient(modulusLength: number): { privateKey: KeyObject; pem: string } {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength })
  return { privateKey, pem: publicKey.export({ type: 'spki', format: 'pem' }).toString() }
}
