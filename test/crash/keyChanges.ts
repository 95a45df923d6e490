import { constants, publicEncrypt } from 'node:crypto'
import type { OperationName } from '../../lib/http/operations.ts'
import type { SeededRandom } from '../simulation/seededRandom.ts'
import type { SignedCaller } from '../local/signedCaller.ts'
import type { Change } from './client.ts'
import { shownOf, type OwnedKey, type OwnedVault } from './ledger.ts'

export interface KeyScene {
  readonly call: SignedCaller
  readonly vault: OwnedVault
  readonly compartments: readonly string[]
  /** Undefined: nothing is imported into this vault. */
  readonly wrappingKey: string | undefined
  readonly newName: () => string
}

const aes256 = { algorithm: 'AES', length: 32 }

/** So that every client comes back to the same keys, and a kill meets a key in the midst of its story. */
const atOnce = 4

/** The next change of one client's keys in a vault. `own` are the keys that it made. */
export function nextKeyChange(scene: KeyScene, own: OwnedKey[], random: SeededRandom): Change {
  const recent = own.slice(-atOnce)
  if (recent.length === 0 || random.chance(0.2)) return newKey(scene, own, random)
  const key = random.pick(recent)
  const fitting = rows.filter((row) => row.states.includes(String(key.shown['lifecycleState'])))
  const changes = fitting.flatMap(({ make }) => make(scene, key, random) ?? [])
  return changes.length === 0 ? newKey(scene, own, random) : random.pick(changes)
}

function newKey(scene: KeyScene, own: OwnedKey[], random: SeededRandom): Change {
  const { call, vault, compartments, wrappingKey, newName } = scene
  const details = { compartmentId: random.pick(compartments), displayName: newName(), keyShape: aes256 }
  const protectionMode = random.pick(['HSM', 'SOFTWARE'])
  const isImport = wrappingKey !== undefined && random.chance(0.3)
  const brought = isImport ? { wrappedImportKey: materialFor(wrappingKey, random) } : {}
  return {
    operation: isImport ? 'ImportKey' : 'CreateKey',
    method: 'POST',
    url: `${vault.endpoint}/20180608/keys${isImport ? '/import' : ''}`,
    body: { ...details, protectionMode, ...brought },
    done: async (body) => {
      const key: OwnedKey = {
        id: String(body['id']),
        vault,
        shown: shownOf(body),
        versions: new Map([[String(body['currentKeyVersion']), 'ENABLED']]),
        ciphertexts: [],
        isTouched: true,
      }
      own.push(key)
      vault.keys.push(key)
      await useAtOnce(call, key)
    },
  }
}

function materialFor(publicKey: string, random: SeededRandom): object {
  const oaep = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }
  const keyMaterial = publicEncrypt({ key: publicKey, ...oaep }, random.bytes(32)).toString('base64')
  return { keyMaterial, wrappingAlgorithm: 'RSA_OAEP_SHA256' }
}

export const plaintext = Buffer.from('acknowledged').toString('base64')

/** A ciphertext that was answered must open from now on. One that was not is nobody's. */
async function useAtOnce(call: SignedCaller, key: OwnedKey): Promise<void> {
  const url = `${key.vault.endpoint}/20180608/encrypt`
  const answer = await call('POST', url, { keyId: key.id, plaintext }).catch(() => undefined)
  if (answer === undefined) return
  const { status, body } = answer
  if (status !== 200 || body['keyVersionId'] !== key.shown['currentKeyVersion']) {
    throw new Error(`Encrypt with ${key.id} was answered ${status} ${JSON.stringify(body)}`)
  }
  key.ciphertexts.push({ versionId: String(body['keyVersionId']), text: String(body['ciphertext']) })
}

interface Row {
  readonly states: readonly string[]
  /** Undefined: not of this key now. */
  readonly make: (scene: KeyScene, key: OwnedKey, random: SeededRandom) => Change | undefined
}

const usable = ['ENABLED', 'DISABLED']

const rows: readonly Row[] = [
  { states: usable, make: ({ newName }, key) => update(key, { displayName: newName() }) },
  { states: usable, make: (_, key, random) => update(key, { freeformTags: { n: String(random.below(1000)) } }) },
  { states: ['ENABLED'], make: (_, key) => action(key, 'DisableKey', 'disable') },
  { states: ['DISABLED'], make: (_, key) => action(key, 'EnableKey', 'enable') },
  { states: usable, make: (_, key) => action(key, 'ScheduleKeyDeletion', 'scheduleDeletion') },
  { states: ['PENDING_DELETION'], make: (_, key) => action(key, 'CancelKeyDeletion', 'cancelDeletion') },
  { states: usable, make: ({ compartments }, key, random) => move(key, random.pick(compartments)) },
  { states: ['ENABLED'], make: (scene, key) => newVersion(scene, key, undefined) },
  { states: ['ENABLED'], make: (scene, key) => newVersion(scene, key, undefined) },
  {
    states: ['ENABLED'],
    make: (scene, key, random) =>
      scene.wrappingKey === undefined
        ? undefined
        : newVersion(scene, key, { wrappedImportKey: materialFor(scene.wrappingKey, random) }),
  },
  { states: ['ENABLED'], make: (_, key) => ofVersion(key, 'ENABLED') },
  { states: ['ENABLED'], make: (_, key) => ofVersion(key, 'PENDING_DELETION') },
]

function urlOf({ vault, id }: OwnedKey): string {
  return `${vault.endpoint}/20180608/keys/${id}`
}

/** For changes that are answered with the key as it is then. */
function show(key: OwnedKey): (body: Record<string, unknown>) => void {
  return (body) => {
    key.shown = shownOf(body)
    key.isTouched = true
  }
}

function update(key: OwnedKey, body: object): Change {
  return { operation: 'UpdateKey', method: 'PUT', url: urlOf(key), body, done: show(key) }
}

function action(key: OwnedKey, operation: OperationName, path: string): Change {
  return { operation, method: 'POST', url: `${urlOf(key)}/actions/${path}`, done: show(key) }
}

function move(key: OwnedKey, compartmentId: string): Change {
  return {
    operation: 'ChangeKeyCompartment',
    method: 'POST',
    url: `${urlOf(key)}/actions/changeCompartment`,
    body: { compartmentId },
    done: () => {
      show(key)({ ...key.shown, compartmentId })
    },
  }
}

function newVersion({ call }: KeyScene, key: OwnedKey, imported: object | undefined): Change {
  return {
    operation: imported === undefined ? 'CreateKeyVersion' : 'ImportKeyVersion',
    method: 'POST',
    url: `${urlOf(key)}/keyVersions${imported === undefined ? '' : '/import'}`,
    body: imported ?? {},
    done: async (body) => {
      const id = String(body['id'])
      key.versions.set(id, 'ENABLED')
      show(key)({ ...key.shown, currentKeyVersion: id })
      await useAtOnce(call, key)
    },
  }
}

/** Schedules or cancels the deletion of a version that is not the current one. */
function ofVersion(key: OwnedKey, state: 'ENABLED' | 'PENDING_DELETION'): Change | undefined {
  const found = [...key.versions].find(([id, each]) => each === state && id !== key.shown['currentKeyVersion'])
  if (found === undefined) return undefined
  const [id] = found
  const isEnabled = state === 'ENABLED'
  return {
    operation: isEnabled ? 'ScheduleKeyVersionDeletion' : 'CancelKeyVersionDeletion',
    method: 'POST',
    url: `${urlOf(key)}/keyVersions/${id}/actions/${isEnabled ? 'scheduleDeletion' : 'cancelDeletion'}`,
    done: (body) => {
      key.versions.set(id, String(body['lifecycleState']))
      key.isTouched = true
    },
  }
}

/** What opens a key and its versions again; undefined: all are open. */
export function restoringChange(key: OwnedKey): Change | undefined {
  const state = key.shown['lifecycleState']
  if (state === 'PENDING_DELETION') return action(key, 'CancelKeyDeletion', 'cancelDeletion')
  if (state === 'DISABLED') return action(key, 'EnableKey', 'enable')
  return ofVersion(key, 'PENDING_DELETION')
}
