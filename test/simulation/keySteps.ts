import { encryptOperation } from '../../handlers/crypto/encrypt.ts'
import { cancelKeyDeletionOperation } from '../../handlers/keys/cancelKeyDeletion.ts'
import { cancelKeyVersionDeletionOperation } from '../../handlers/keys/cancelKeyVersionDeletion.ts'
import { changeKeyCompartmentOperation } from '../../handlers/keys/changeKeyCompartment.ts'
import { createKeyOperation } from '../../handlers/keys/createKey.ts'
import { createKeyVersionOperation } from '../../handlers/keys/createKeyVersion.ts'
import { disableKeyOperation } from '../../handlers/keys/disableKey.ts'
import { enableKeyOperation } from '../../handlers/keys/enableKey.ts'
import { getWrappingKeyOperation } from '../../handlers/keys/getWrappingKey.ts'
import { importKeyOperation } from '../../handlers/keys/importKey.ts'
import { importKeyVersionOperation } from '../../handlers/keys/importKeyVersion.ts'
import { scheduleKeyDeletionOperation } from '../../handlers/keys/scheduleKeyDeletion.ts'
import { scheduleKeyVersionDeletionOperation } from '../../handlers/keys/scheduleKeyVersionDeletion.ts'
import { updateKeyOperation } from '../../handlers/keys/updateKey.ts'
import type { Operation } from '../../lib/http/operation.ts'
import type { Runtime } from '../../lib/runtime/composeRegion.ts'
import { note } from './acknowledge.ts'
import { bodyOf, textOf, type AskOf, type Client } from './client.ts'
import { sealFor } from './sealedText.ts'
import { Violation } from './violation.ts'
import type { KnownKey, KnownVault } from './world.ts'

/** What a step works on, picked among what is known when it begins. */
export interface Scene {
  readonly client: Client
  readonly vault: KnownVault
  readonly key: KnownKey | undefined
  readonly token: string | undefined
  /** Makes what is written differ from step to step. */
  readonly n: number
  /** What the client remembers from step to step. */
  readonly memory: { lastKey: KnownKey | undefined }
}

export const keySteps = {
  createKey: (scene) => makeKey(scene, createKeyOperation, {}),
  importKey: async (scene) => makeKey(scene, importKeyOperation, { wrappedImportKey: await material(scene) }),
  rotate: (scene) => makeVersion(scene, createKeyVersionOperation, undefined),
  import: async (scene) => makeVersion(scene, importKeyVersionOperation, { wrappedImportKey: await material(scene) }),
  rename: (scene) => change(scene, updateKeyOperation, { displayName: `name ${scene.n}` }),
  tag: (scene) => change(scene, updateKeyOperation, { freeformTags: { n: String(scene.n) } }),
  planRotation: (scene) =>
    change(scene, updateKeyOperation, {
      isAutoRotationEnabled: scene.n % 4 !== 0,
      autoKeyRotationDetails: { rotationIntervalInDays: 60 + (scene.n % 5) },
    }),
  disable: (scene) => change(scene, disableKeyOperation, undefined),
  enable: (scene) => change(scene, enableKeyOperation, undefined),
  deleteKey: (scene) => change(scene, scheduleKeyDeletionOperation, { timeOfDeletion: inDays(scene, 8) }),
  keepKey: (scene) => change(scene, cancelKeyDeletionOperation, undefined),
  moveKey: (scene) => change(scene, changeKeyCompartmentOperation, { compartmentId: compartmentOf(scene) }),
  deleteVersion: (scene) =>
    changeVersion(scene, scheduleKeyVersionDeletionOperation, { timeOfDeletion: inDays(scene, 7.5) }),
  keepVersion: (scene) => changeVersion(scene, cancelKeyVersionDeletionOperation, undefined),
  encrypt: async (scene) => {
    if (scene.key !== undefined) await encryptUnder(scene, scene.key.id, scene.key.versions.at(-1))
  },
} as const satisfies Record<string, (scene: Scene) => Promise<void>>

async function makeKey(scene: Scene, operation: Operation<Runtime>, more: object): Promise<void> {
  const { client, vault, n, token, memory } = scene
  const details = { compartmentId: compartmentOf(scene), displayName: `key ${n}`, keyShape: aes, ...isHsm(n) }
  const input = { ...details, freeformTags: {}, definedTags: {}, ...more }
  const ask = { operation, vaultId: vault.id, input, token }
  const answer = await client.ask(ask)
  const body = bodyOf(answer)
  const [id, versionId] = [textOf(body, 'id'), textOf(body, 'currentKeyVersion')]
  if (answer === undefined || id === undefined || versionId === undefined) return
  note(client, operation.id, vault.id, answer)
  const key = { id, versions: [versionId] }
  vault.keys.push(key)
  memory.lastKey = key
  await encryptUnder(scene, id, versionId)
  await repeat(scene, ask, id)
}

const aes = { algorithm: 'AES', length: 32 }

function isHsm(n: number): object {
  return { protectionMode: n % 3 === 0 ? 'SOFTWARE' : 'HSM' }
}

async function makeVersion(scene: Scene, operation: Operation<Runtime>, input: unknown): Promise<void> {
  const { client, vault, key, token } = scene
  if (key === undefined) return
  const ask = { operation, vaultId: vault.id, parameters: { keyId: key.id }, input, token }
  const answer = await client.ask(ask)
  const id = textOf(bodyOf(answer), 'id')
  if (answer === undefined || id === undefined) return
  note(client, operation.id, vault.id, answer)
  key.versions.push(id)
  await encryptUnder(scene, key.id, id)
  await repeat(scene, ask, id)
}

/** Sometimes the same request comes again: its answer names the same thing, or the token is not good any more. */
async function repeat({ client, n }: Scene, ask: AskOf, id: string): Promise<void> {
  if (ask.token === undefined || n % 3 !== 0) return
  const answer = await client.ask(ask)
  if (client.world.haveTokensExpired) return
  const again = textOf(bodyOf(answer), 'id')
  if (again !== undefined && again !== id) throw new Violation(`A retry token gave ${id} and then ${again}.`)
}

async function change(scene: Scene, operation: Operation<Runtime>, input: unknown): Promise<void> {
  const { client, vault, key, token } = scene
  if (key === undefined) return
  const answer = await client.ask({ operation, vaultId: vault.id, parameters: { keyId: key.id }, input, token })
  if (answer !== undefined) note(client, operation.id, vault.id, answer)
}

async function changeVersion(scene: Scene, operation: Operation<Runtime>, input: unknown): Promise<void> {
  const { client, vault, key, n, token } = scene
  const keyVersionId = key?.versions[n % key.versions.length]
  if (key === undefined || keyVersionId === undefined) return
  const parameters = { keyId: key.id, keyVersionId }
  const answer = await client.ask({ operation, vaultId: vault.id, parameters, input, token })
  if (answer !== undefined) note(client, operation.id, vault.id, answer)
}

/** A caller uses what it was given at once. */
async function encryptUnder({ client, vault }: Scene, keyId: string, keyVersionId: string | undefined): Promise<void> {
  if (keyVersionId === undefined) return
  const input = { keyId, keyVersionId, plaintext: Buffer.from(keyVersionId), associatedData: {}, loggingContext: {} }
  const answer = await client.ask({ operation: encryptOperation, vaultId: vault.id, input })
  const text = textOf(bodyOf(answer), 'ciphertext')
  if (text === undefined) return
  const bytes = Buffer.from(text, 'base64')
  // The simulated HSM makes the same ciphertext of the same plaintext.
  if (client.world.ciphertexts.some((each) => each.bytes.equals(bytes))) return
  client.world.ciphertexts.push({ vault, keyId, versionId: keyVersionId, bytes })
}

async function material({ client, vault, n }: Scene): Promise<object> {
  const answer = await client.ask({ operation: getWrappingKeyOperation, vaultId: vault.id })
  const publicKey = textOf(bodyOf(answer), 'publicKey') ?? ''
  return { blob: Buffer.from(sealFor(publicKey, `imported ${n}`)), scheme: 'RSA_OAEP_SHA256' }
}

export function compartmentOf({ client, n }: Scene): string {
  const known = [client.tenancy.id, ...(client.world.known.compartments.get(client.tenancy.id) ?? [])]
  return known[n % known.length] ?? client.tenancy.id
}

export function inDays({ client }: Scene, days: number): Date {
  return new Date(client.world.scheduler.now + days * 86_400_000)
}
