import { randomBytes } from 'node:crypto'
import type { MaterialContext, UsableKey, WrappingScheme } from '../../../lib/hsm/hsm.ts'
import type { ProvisionedHsm } from '../../../lib/hsm/provisionedHsm.ts'
import { knownRsaPair } from '../../harness/knownRsaPair.ts'
import { aMaterial, aTransfer, aVault, altered, ecdsaShapes, rsa2048 } from '../contract/fixtures.ts'
import { anImporter, aRecipient, toTakeOut } from '../contract/importer.ts'
import { wrapOutside } from '../tokens/outside.ts'

const schemes = ['RSA_OAEP_SHA256', 'RSA_OAEP_AES_SHA256'] as const
const software = { protectionMode: 'SOFTWARE' } as const
const text = 'a plaintext that is long enough'

/** What is done before nobody looks; what it gives is looked at. */
export type Flow = (hsm: ProvisionedHsm, away: ProvisionedHsm) => Promise<() => unknown>

async function aVaultOf(hsm: ProvisionedHsm, context = aVault()) {
  const wrapped = await hsm.createVaultKeys(context)
  return { wrapped, vault: hsm.openVault(context, wrapped) }
}

/** A key of a vault, by `work`; its handle is let go of before it is used again. */
function using(
  changes: Partial<MaterialContext>,
  prepare: (key: UsableKey) => Promise<Buffer>,
  work: (key: UsableKey, made: Buffer) => unknown,
): Flow {
  return async (hsm) => {
    const { vault } = await aVaultOf(hsm)
    const context = aMaterial(changes)
    const key = await vault.generate(context)
    const made = await vault.use(context, key, prepare)
    return () => {
      vault.dropHandle(context, key)
      return vault.use(context, key, (held) => work(held, made))
    }
  }
}

const nothing = async () => Buffer.alloc(0)
const encrypted = async (key: UsableKey) => key.encrypt('AES_256_GCM', Buffer.from(text), {})
const encryptedByRsa = async (key: UsableKey) => key.encrypt('RSA_OAEP_SHA_256', Buffer.from(text), {})
const changedAt = (bytes: Buffer, at: number) => {
  const changed = Buffer.from(bytes)
  changed[changed.length - 1 + at] = (changed.at(at - 1) ?? 0) ^ 1
  return changed
}

function importing(
  changes: Partial<MaterialContext>,
  scheme: WrappingScheme,
  material: () => Promise<Buffer> | Buffer,
  sent = (blob: Buffer) => blob,
): Flow {
  return async (hsm) => {
    const outside = await anImporter(hsm)
    const blob = sent(await wrapOutside(outside.pem, scheme, await material()))
    return () => outside.vault.importWrapped(aMaterial(changes), outside.wrappingKey, scheme, blob)
  }
}

const digestSignings = [
  [ecdsaShapes.NIST_P256, 'ECDSA_SHA_256', 32],
  [ecdsaShapes.NIST_P384, 'ECDSA_SHA_384', 48],
  [ecdsaShapes.NIST_P521, 'ECDSA_SHA_512', 64],
] as const

const pkcs8 = async () => (await knownRsaPair(2048)).secret
const pem = async () =>
  Buffer.from(`-----BEGIN PRIVATE KEY-----\n${(await pkcs8()).toString('base64')}\n-----END PRIVATE KEY-----`)

export const done: Record<string, Flow> = {
  'a vault is made and opened': async (hsm) => () => aVaultOf(hsm),
  'a private vault is made': async (hsm) => () => hsm.createVaultKeys(aVault({ isPrivate: true })),
  'a key for AES is made': async (hsm) => {
    const { vault } = await aVaultOf(hsm)
    return () => vault.generate(aMaterial())
  },
  'a SOFTWARE key for AES is made': async (hsm) => {
    const { vault } = await aVaultOf(hsm)
    return () => vault.generate(aMaterial(software))
  },
  'a pair of RSA is made': async (hsm) => {
    const { vault } = await aVaultOf(hsm)
    return () => vault.generate(aMaterial({ shape: rsa2048 }))
  },
  'a SOFTWARE pair of an elliptic curve is made': async (hsm) => {
    const { vault } = await aVaultOf(hsm)
    return () => vault.generate(aMaterial({ shape: ecdsaShapes.NIST_P256, ...software }))
  },
  'a wrapping key is made': async (hsm) => {
    const { vault } = await aVaultOf(hsm)
    return () => vault.generateWrappingKey({ keyId: 'w', materialId: 'ab'.repeat(16) })
  },
  'AES encrypts': using({}, nothing, (key) => {
    const plaintext = Buffer.from(text)
    try {
      return key.encrypt('AES_256_GCM', plaintext, { of: 'it' })
    } finally {
      plaintext.fill(0)
    }
  }),
  'AES decrypts': using({}, encrypted, async (key, made) => (await key.decrypt('AES_256_GCM', made, {})).fill(0)),
  'AES-128 decrypts': using({ shape: { algorithm: 'AES', length: 16 }, ...software }, encrypted, async (key, made) =>
    (await key.decrypt('AES_256_GCM', made, {})).fill(0),
  ),
  'RSA decrypts': using({ shape: rsa2048 }, encryptedByRsa, async (key, made) =>
    (await key.decrypt('RSA_OAEP_SHA_256', made, {})).fill(0),
  ),
  ...Object.fromEntries(
    digestSignings.map(([shape, algorithm, length]) => [
      `${shape.curveId} signs a digest`,
      using({ shape }, nothing, (key) => key.sign(algorithm, 'DIGEST', Buffer.alloc(length, 7))),
    ]),
  ),
  'a key comes in': importing({}, 'RSA_OAEP_SHA256', () => randomBytes(32)),
  'a SOFTWARE key comes in under another': importing(software, 'RSA_OAEP_AES_SHA256', () => randomBytes(32)),
  'a pair of RSA comes in': importing({ shape: rsa2048 }, 'RSA_OAEP_AES_SHA256', pkcs8),
  ...Object.fromEntries(
    schemes.map((scheme) => [
      `a key goes out by ${scheme}`,
      async (hsm: ProvisionedHsm) => {
        const { vault } = await aVaultOf(hsm)
        const [context, recipient] = [aMaterial(toTakeOut), aRecipient(2048).pem]
        const key = await vault.generate(context)
        return () => vault.exportUnder(context, key, scheme, recipient)
      },
    ]),
  ),
  'a vault is saved': async (hsm) => {
    const [of, by] = [aVault(), aVault({ vaultId: 'backup' })]
    const [vault, backup] = [await hsm.createVaultKeys(of), await hsm.createVaultKeys(by)]
    return () => hsm.backUpVaultKeys({ context: by, wrapped: backup }, { context: of, wrapped: vault })
  },
  'a vault is brought back': async (hsm) => {
    const { backup, of, saved } = await aSavedVault(hsm)
    return () => hsm.restoreVaultKeys(backup, of, saved, aVault({ vaultId: 'another' }))
  },
  'a vault is offered a way': async (_hsm, away) => () => away.createTransportKey(aTransfer()),
  'a vault leaves': async (hsm, away) => {
    const [wrapped, { offer }] = [await hsm.createVaultKeys(aTransfer()), await away.createTransportKey(aTransfer())]
    return () => hsm.exportVaultKeys(aTransfer(), wrapped, offer)
  },
  'a vault arrives': async (hsm, away) => {
    const [wrapped, transport] = [await hsm.createVaultKeys(aTransfer()), await away.createTransportKey(aTransfer())]
    const bundle = await hsm.exportVaultKeys(aTransfer(), wrapped, transport.offer)
    return () => away.importVaultKeys(aTransfer(), bundle, transport)
  },
  'a vault’s keys come under a new root': async (hsm) => {
    const wrapped = await hsm.createVaultKeys(aVault())
    await hsm.rotation.begin()
    return () => hsm.rotation.rewrapVaultKeys(aVault(), wrapped)
  },
  'a transport key comes under a new root': async (_hsm, away) => {
    const transport = await away.createTransportKey(aTransfer())
    await away.rotation.begin()
    return () => away.rotation.rewrapTransportKey(transport)
  },
}

async function aSavedVault(hsm: ProvisionedHsm) {
  const [of, by] = [aVault(), aVault({ vaultId: 'backup' })]
  const backup = { context: by, wrapped: await hsm.createVaultKeys(by) }
  return {
    backup,
    of,
    saved: await hsm.backUpVaultKeys(backup, { context: of, wrapped: await hsm.createVaultKeys(of) }),
  }
}

export const refused: Record<string, Flow> = {
  'a ciphertext was altered behind its commitment': using({}, encrypted, async (key, made) =>
    key.decrypt('AES_256_GCM', changedAt(made, 0), {}),
  ),
  'a ciphertext is of another context': using({}, encrypted, async (key, made) =>
    key.decrypt('AES_256_GCM', made, { of: 'another' }),
  ),
  'a ciphertext of RSA is none': using({ shape: rsa2048 }, encryptedByRsa, async (key, made) =>
    key.decrypt('RSA_OAEP_SHA_256', changedAt(made, 0), {}),
  ),
  'what comes in has no length of a key': importing({}, 'RSA_OAEP_SHA256', () => randomBytes(31)),
  'what comes in is hexadecimal text': importing({}, 'RSA_OAEP_SHA256', () =>
    Buffer.from(randomBytes(32).toString('hex')),
  ),
  'what comes in is text as long as a key': importing({}, 'RSA_OAEP_SHA256', () =>
    Buffer.from(randomBytes(16).toString('hex')),
  ),
  'what comes in is base64 text': importing({}, 'RSA_OAEP_SHA256', () =>
    Buffer.from(randomBytes(32).toString('base64')),
  ),
  'what comes in is under another temporary key': importing(
    {},
    'RSA_OAEP_AES_SHA256',
    () => randomBytes(32),
    (blob) => changedAt(blob, 0),
  ),
  'what comes in is PEM': importing({ shape: rsa2048 }, 'RSA_OAEP_AES_SHA256', pem),
  'what comes in is an RSA pair of another length': importing(
    { shape: { algorithm: 'RSA', length: 384 } },
    'RSA_OAEP_AES_SHA256',
    pkcs8,
  ),
  'a saved key is another one': async (hsm) => {
    const { backup, of, saved } = await aSavedVault(hsm)
    return () => hsm.restoreVaultKeys(backup, of, { ...saved, softwareKek: altered(saved.softwareKek) }, of)
  },
  'a bundle’s key was exchanged': async (hsm, away) => {
    const [wrapped, transport] = [await hsm.createVaultKeys(aTransfer()), await away.createTransportKey(aTransfer())]
    const bundle = await hsm.exportVaultKeys(aTransfer(), wrapped, transport.offer)
    return () => away.importVaultKeys(aTransfer(), bundle, { ...transport, privateKey: altered(transport.privateKey) })
  },
}
