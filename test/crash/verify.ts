import { isDeepStrictEqual } from 'node:util'
import type { Answered, SignedCaller } from '../local/signedCaller.ts'
import { plaintext } from './keyChanges.ts'
import { shownOf, type OwnedIdentity, type OwnedKey, type OwnedVault } from './ledger.ts'

/** Each says what is otherwise than it was acknowledged; undefined: nothing. */
type Difference = Promise<string | undefined>

const patienceMs = 180_000
const checksAtOnce = 8

/** @throws Error with what is still otherwise after a minute. */
export async function eventually(difference: () => Difference): Promise<void> {
  const end = performance.now() + patienceMs
  for (;;) {
    const found = await difference()
    if (found === undefined) return
    if (performance.now() > end) throw new Error(found)
    await pause(20)
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

export async function each<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const left = [...all]
  const worker = async () => {
    for (let one = left.shift(); one !== undefined; one = left.shift()) await work(one)
  }
  await Promise.all(Array.from({ length: checksAtOnce }, worker))
}

function told(answer: Answered): string {
  return `${answer.status} ${JSON.stringify(answer.status === 200 && answer.list.length > 0 ? answer.list : answer.body)}`
}

/** The key as it is shown, its versions, and that what was encrypted with it opens. */
export async function keyDifference(call: SignedCaller, endpoint: string, key: OwnedKey): Difference {
  const url = `${endpoint}/20180608/keys/${key.id}`
  const answer = await call('GET', url)
  if (answer.status !== 200 || !isDeepStrictEqual(shownOf(answer.body), key.shown)) {
    return `${url} shows ${told(answer)} and not ${JSON.stringify(key.shown)}`
  }
  if (!['ENABLED', 'DISABLED'].includes(String(key.shown['lifecycleState']))) return undefined
  const listed = await call('GET', `${url}/keyVersions?limit=1000`)
  const states = new Map(listed.list.map(({ id, lifecycleState }) => [String(id), String(lifecycleState)]))
  if (states.size !== listed.list.length || !isDeepStrictEqual(states, key.versions)) {
    return `${url} lists ${told(listed)} and not ${JSON.stringify([...key.versions])}`
  }
  return key.shown['lifecycleState'] === 'ENABLED' ? closedCiphertext(call, endpoint, key) : undefined
}

export async function closedCiphertext(call: SignedCaller, endpoint: string, key: OwnedKey): Difference {
  for (const { versionId, text: ciphertext } of key.ciphertexts) {
    if (key.versions.get(versionId) !== 'ENABLED') continue
    const answer = await call('POST', `${endpoint}/20180608/decrypt`, { keyId: key.id, ciphertext })
    if (answer.body['plaintext'] !== plaintext) {
      return `${endpoint}: a ciphertext of ${versionId} is answered ${told(answer)}`
    }
  }
  return undefined
}

export async function vaultDifference(call: SignedCaller, endpoint: string, vault: OwnedVault): Difference {
  const url = `${endpoint}/20180608/vaults/${vault.id}`
  const answer = await call('GET', url)
  if (answer.status === 200 && isDeepStrictEqual(shownOf(answer.body), vault.shown)) return undefined
  return `${url} shows ${told(answer)} and not ${JSON.stringify(vault.shown)}`
}

/** Where its replica answers; an explanation where there is none yet; undefined where none was wanted and none is left. */
export async function replicaOf(
  call: SignedCaller,
  vault: OwnedVault,
  other: string,
): Promise<{ readonly endpoint: string } | string | undefined> {
  const url = `${vault.home}/20180608/vaults/${vault.id}/actions/listReplicas`
  const answer = await call('GET', url)
  const [replica] = answer.list
  if (vault.replica === 'wanted') {
    return replica?.['status'] === 'CREATED'
      ? { endpoint: String(replica['managementEndpoint']) }
      : `${url} lists ${told(answer)} and no replica that is CREATED`
  }
  if (answer.status !== 200 || replica !== undefined) return `${url} lists ${told(answer)}, and its replica was deleted`
  const left = await call('GET', `${other}/20180608/vaults/${vault.id}`)
  return left.status === 404 ? undefined : `A deleted replica of ${vault.id} shows ${told(left)}`
}

/** `isFinal`: a deletion that was accepted has come to its end. */
export async function identityDifference(
  call: SignedCaller,
  endpoint: string,
  one: OwnedIdentity,
  isFinal: boolean,
): Difference {
  const url = `${endpoint}/20160918/${one.kind}/${one.id}`
  const answer = await call('GET', url)
  const state = String(answer.body['lifecycleState'])
  const isGone = answer.status === 404 || state === 'DELETED' || (!isFinal && state === 'DELETING')
  const isRight =
    one.shown === undefined ? isGone : answer.status === 200 && isDeepStrictEqual(shownOf(answer.body), one.shown)
  return isRight
    ? undefined
    : `${url} shows ${told(answer)} and not ${one.shown === undefined ? 'that it is gone' : JSON.stringify(one.shown)}`
}

/** Whether the primary says REPLICATED of the last change; it must be so at that very moment. @throws Error where it is not. */
export async function notReplicated(call: SignedCaller, replica: string, key: OwnedKey): Difference {
  const { endpoint } = key.vault
  const shown = await call('GET', `${endpoint}/20180608/keys/${key.id}`)
  const { replicationId } = (shown.body['replicaDetails'] ?? {}) as { readonly replicationId?: string }
  if (replicationId === undefined) return `${endpoint}: ${key.id} shows ${told(shown)}, without replicaDetails`
  const status = await call('GET', `${endpoint}/20180608/replicaOperations/${replicationId}/status`)
  const details = (status.body['replicaDetails'] ?? []) as readonly { readonly status: string }[]
  if (details[0]?.status !== 'REPLICATED') return `The status of ${key.id} is ${told(status)}`
  const lacking = await keyDifference(call, replica, key)
  if (lacking !== undefined) throw new Error(`REPLICATED is not true: ${lacking}`)
  return undefined
}
