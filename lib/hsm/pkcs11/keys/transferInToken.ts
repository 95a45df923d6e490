import { createPublicKey, type KeyObject } from 'node:crypto'
import { KeptInToken } from '../../../errors.ts'
import { refusedTransfer, requireThat } from '../../formats/transfer.ts'
import type { OaepWrap, TransferBundle, TransportOffer, VaultContext, WrappedVaultKeys } from '../../hsm.ts'
import { publicKeyPem } from '../../primitives/p384.ts'
import { mapVaultKeys, VAULT_KEY_LENGTH, type VaultKeyName } from '../../software/vaultRoot.ts'
import { oaepMechanism } from '../token/abilities.ts'
import { CKA, CKK, CKM, CKO } from '../library/constants.ts'
import { aesObject, aesTemplate, readableAes, rsaPrivateTemplate } from '../token/templates.ts'
import { mechanism, type Template } from '../library/encode.ts'
import { unwrapOr, wrapKek } from './hsmKek.ts'
import type { RsaGenerator } from '../../software/material.ts'
import { TRANSPORT_KEY_BITS, type ExportedVault } from '../../software/transferInProcess.ts'
import { generateRsaPair, intoToken, type MadeKey } from '../token/tokenMaterial.ts'
import type { Pkcs11HsmOptions } from '../roots/pkcs11HsmOptions.ts'
import { rootsOf, type VaultTokenObjects } from '../roots/regionToken.ts'
import type { Handle, Session } from '../token/session.ts'
import { isWrappedVaultKey, type VaultKeeper } from './vaultKeeper.ts'

const transportTemplate = rsaPrivateTemplate([CKA.UNWRAP], { isExtractable: false })
const kekTemplate = aesTemplate([CKA.WRAP, CKA.UNWRAP], { isExtractable: true })

/** A pair for one transfer: the private half under the newest root, and how what is sent may be wrapped. */
export async function wrappedTransportPair(
  session: Session,
  objects: VaultTokenObjects,
  generateRsa: RsaGenerator | undefined,
): Promise<{ readonly blob: Buffer; readonly publicKey: string; readonly wraps: readonly OaepWrap[] }> {
  const { handle, publicKey } = await transportPair(session, objects, generateRsa)
  try {
    const blob = session.wrap(objects.kwp, objects.roots[0].wrappingRoot, handle)
    return { blob, publicKey: publicKeyPem(publicKey), wraps: objects.wraps }
  } finally {
    session.destroy(handle)
  }
}

/** A pair for one transfer. `generateRsa`: for tests, which do not wait for a new one each time. */
async function transportPair(
  session: Session,
  { kwp }: VaultTokenObjects,
  generateRsa: RsaGenerator | undefined,
): Promise<Required<MadeKey>> {
  if (generateRsa === undefined) return generateRsaPair(session, TRANSPORT_KEY_BITS, [CKA.UNWRAP])
  const { secret, publicKey } = await generateRsa(TRANSPORT_KEY_BITS)
  const template = rsaPrivateTemplate([CKA.UNWRAP], { isExtractable: true })
  try {
    return { handle: intoToken(session, kwp, secret, template), publicKey: createPublicKey(publicKey) }
  } finally {
    secret.fill(0)
  }
}

/** The vault's keys under an ephemeral key that is made in the token and leaves it under the peer's public key only. */
export function exportInToken(
  session: Session,
  objects: VaultTokenObjects,
  keeper: VaultKeeper,
  { context, wrapped, recipient, wrap }: ExportedVault,
): Pick<TransferBundle, 'oaep' | 'kwp'> {
  const made: Handle[] = []
  const keep = (handle: Handle) => {
    made.push(handle)
    return handle
  }
  try {
    const ephemeral = keep(
      session.generateKey(mechanism(CKM.AES_KEY_GEN), [
        ...aesTemplate([CKA.WRAP], { isExtractable: true }),
        [CKA.VALUE_LEN, VAULT_KEY_LENGTH],
      ]),
    )
    const kwp = mapVaultKeys((name) => {
      const key = keep(vaultKeyObject(session, objects, keeper, context, wrapped, name))
      return session.wrap(objects.kwp, ephemeral, key).toString('base64')
    })
    const peer = keep(session.create(publicTemplate(createPublicKey(recipient))))
    return { oaep: session.wrap(oaepMechanism(wrap), peer, ephemeral).toString('base64'), kwp }
  } finally {
    for (const handle of made) session.destroy(handle)
  }
}

/** The KEK for HSM keys from its blob; the other two are the process's, and objects for the moment. */
function vaultKeyObject(
  session: Session,
  objects: VaultTokenObjects,
  keeper: VaultKeeper,
  context: VaultContext,
  wrapped: WrappedVaultKeys,
  name: VaultKeyName,
): Handle {
  if (name === 'hsmKek') return keeper.kek(context, wrapped.hsmKek).open(session, objects, [CKA.WRAP, CKA.UNWRAP], true)
  const secret = keeper.heldKey(context, name, wrapped[name]).export()
  try {
    const template = aesObject(secret, []).filter(([type]) => type !== CKA.EXTRACTABLE)
    return session.create([...template, [CKA.EXTRACTABLE, true]])
  } finally {
    secret.fill(0)
  }
}

/** What came under the ephemeral key, under this token's root. */
export function importInToken(
  session: Session,
  objects: VaultTokenObjects,
  keeper: VaultKeeper,
  {
    context,
    bundle,
    transportKey,
    wrap,
  }: {
    readonly context: VaultContext
    readonly bundle: TransferBundle
    /** Under the wrapping root. */
    readonly transportKey: { readonly blob: Buffer; readonly generation: number }
    readonly wrap: OaepWrap
  },
): WrappedVaultKeys {
  const made: Handle[] = []
  const opened = (unwrappingKey: Handle, blob: string, template: Template, otherwise: string, how = objects.kwp) => {
    const bytes = Buffer.from(blob, 'base64')
    const handle = unwrapOr(
      session,
      () => refusedTransfer(otherwise),
      () => session.unwrap(how, unwrappingKey, bytes, template),
    )
    made.push(handle)
    return handle
  }
  try {
    // Its MAC fits.
    const { wrappingRoot } = rootsOf(objects, transportKey.generation)
    const transport = session.unwrap(objects.kwp, wrappingRoot, transportKey.blob, transportTemplate)
    made.push(transport)
    const unwrapper = aesTemplate([CKA.UNWRAP], { isExtractable: false })
    const ephemeral = opened(
      transport,
      bundle.oaep,
      unwrapper,
      'its ephemeral key does not decrypt',
      oaepMechanism(wrap),
    )
    const take = (name: VaultKeyName, template: Template) =>
      opened(ephemeral, bundle.kwp[name], template, 'a vault key does not unwrap')
    const kek = take('hsmKek', kekTemplate)
    const blob = wrapKek(session, objects, kek)
    requireThat(isWrappedVaultKey(blob), 'a vault key does not unwrap')
    return keeper.wrapped(context, blob, (name) => {
      const [secret = Buffer.alloc(0)] = session.attributes(take(name, readableAes), CKA.VALUE)
      requireThat(secret.length === VAULT_KEY_LENGTH, 'a vault key does not unwrap')
      return secret
    })
  } finally {
    for (const handle of made) session.destroy(handle)
  }
}

function publicTemplate(key: KeyObject): Template {
  const { n = '', e = '' } = key.export({ format: 'jwk' })
  return [
    [CKA.CLASS, CKO.PUBLIC_KEY],
    [CKA.KEY_TYPE, CKK.RSA],
    [CKA.TOKEN, false],
    [CKA.PRIVATE, false],
    [CKA.WRAP, true],
    [CKA.MODULUS, Buffer.from(n, 'base64url')],
    [CKA.PUBLIC_EXPONENT, Buffer.from(e, 'base64url')],
  ]
}

/** What is in a token here does not leave it for a process there, unless whoever runs this says so. */
export function requireKeeper(
  { keeper, context }: TransportOffer,
  { allowsSoftwareReplicas = false }: Pick<Pkcs11HsmOptions, 'allowsSoftwareReplicas'>,
): void {
  if (keeper === 'token' || allowsSoftwareReplicas) return
  throw new KeptInToken(
    `The keys of ${context.vaultId} are in a token, and region ${context.destination} would keep them in its process. To send them all the same, start with PKCS11_SOFTWARE_REPLICAS=on and ask for the replica again (CreateVaultReplica).`,
  )
}
