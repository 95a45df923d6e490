import { askFaultServer } from '../../local/control/faultServer.ts'
import type { SignedCaller } from '../local/signedCaller.ts'
import { keysOf, type OwnedKey } from './ledger.ts'
import type { Service } from './service.ts'
import { regions, type Stage } from './stage.ts'
import { storedDifference } from './storedDifference.ts'
import {
  closedCiphertext,
  each,
  eventually,
  identityDifference,
  keyDifference,
  notReplicated,
  replicaOf,
  vaultDifference,
} from './verify.ts'

/** The primary could not be reached since the start: what was acknowledged was in the replica's inbox before. */
export async function expectFromReplica(
  call: SignedCaller,
  directory: string,
  { other }: Service,
  stage: Stage,
): Promise<void> {
  const { ledger, standing, clients } = stage
  const unclear = clients.map(({ pendingUrl }) => pendingUrl)
  const isUnclear = (id: string) => unclear.some((url) => url.includes(id))
  for (const { vault, replica } of standing) {
    await each(vault.keys.filter(isTouched), (key) =>
      eventually(() => {
        if (!isUnclear(key.id)) return keyDifference(call, replica, key)
        // Whatever of it was done, a change that shuts nothing leaves open what was open.
        return mayShut(unclear, key) ? Promise.resolve(undefined) : closedCiphertext(call, replica, key)
      }),
    )
  }
  await each(ledger.identity.filter(isTouched), async (one) => {
    if (!isUnclear(one.id)) await eventually(() => identityDifference(call, other, one, false))
  })
  await askFaultServer(directory, 'heal')
}

function isTouched({ isTouched: touched }: { readonly isTouched: boolean }): boolean {
  return touched
}

function mayShut(unclear: readonly string[], { id, shown }: OwnedKey): boolean {
  return shown['lifecycleState'] !== 'ENABLED' || unclear.some((url) => url.includes(id) && url.includes('/actions/'))
}

/** Both regions show and open what was acknowledged, and the primary says truly how far the replica is. */
export async function expectAll(
  call: SignedCaller,
  { home, other }: Service,
  { ledger, standing, compartments }: Stage,
  which: 'touched' | 'all',
): Promise<string> {
  const wanted = <T extends { readonly isTouched: boolean }>(all: readonly T[]) =>
    which === 'all' ? all : all.filter(isTouched)
  const vaults = wanted(ledger.vaults)
  const keys = wanted(keysOf(ledger))
  const identity = wanted(ledger.identity)
  const replicas = new Map<string, string>(standing.map(({ vault, replica }) => [vault.id, replica]))
  await each(vaults, async (vault) => {
    await eventually(async () => {
      const found = await replicaOf(call, vault, other)
      if (typeof found === 'object') replicas.set(vault.id, found.endpoint)
      return typeof found === 'string' ? found : undefined
    })
    await eventually(() => vaultDifference(call, home, vault))
    if (vault.replica === 'wanted') await eventually(() => vaultDifference(call, other, vault))
  })
  for (const vault of ledger.vaults) {
    if (vault.replica === 'none' || replicas.has(vault.id)) continue
    const found = await replicaOf(call, vault, other)
    if (typeof found !== 'object') throw new Error(found ?? `${vault.id} has no replica`)
    replicas.set(vault.id, found.endpoint)
  }
  await each(keys, async (key) => {
    const { vault } = key
    if (vault.shown['lifecycleState'] !== 'ACTIVE') return
    const there = await keyDifference(call, vault.endpoint, key)
    if (there !== undefined) throw new Error(there)
    const replica = vault.replica === 'wanted' ? replicas.get(vault.id) : undefined
    if (replica === undefined) return
    await eventually(() => notReplicated(call, replica, key))
  })
  await each(identity, async (one) => {
    for (const endpoint of [home, other]) await eventually(() => identityDifference(call, endpoint, one, true))
  })
  if (which === 'all') await expectNothingElse(call, { home, other, compartments }, { ledger, replicas })
  for (const one of [...vaults, ...keys, ...identity]) one.isTouched = false
  return `${vaults.length} vaults, ${keys.length} keys, ${identity.length} policies and compartments as acknowledged`
}

interface Places {
  readonly home: string
  readonly other: string
  readonly compartments: readonly string[]
}

/** One call with one token made one thing: there is nothing that nobody was told of, and nobody waits for anything. */
async function expectNothingElse(
  call: SignedCaller,
  { home, other, compartments }: Places,
  { ledger, replicas }: { readonly ledger: Stage['ledger']; readonly replicas: ReadonlyMap<string, string> },
): Promise<void> {
  const listed = async (url: string) => {
    const ids: string[] = []
    for (const compartmentId of compartments) {
      const { status, list } = await call('GET', `${url}?compartmentId=${compartmentId}&limit=1000`)
      if (status !== 200 || list.length === 1000) throw new Error(`${url} lists ${status}, ${list.length} items`)
      ids.push(...list.map(({ id }) => String(id)))
    }
    return ids.sort()
  }
  const expectIds = async (url: string, known: readonly { readonly id: string }[]) => {
    const found = await listed(url)
    const expected = known.map(({ id }) => id).sort()
    const [more] = found.filter((id) => !expected.includes(id))
    if (more !== undefined || found.length !== expected.length) {
      throw new Error(`${url} lists ${found.length} and not ${expected.length}; one more is ${more ?? 'none'}`)
    }
  }
  await expectIds(`${home}/20180608/vaults`, ledger.vaults)
  for (const vault of ledger.vaults) {
    await expectIds(`${vault.endpoint}/20180608/keys`, vault.keys)
    const replica = replicas.get(vault.id)
    if (vault.replica === 'wanted' && replica !== undefined) await expectIds(`${replica}/20180608/keys`, vault.keys)
  }
  for (const endpoint of [home, other]) await eventually(() => notQuiet(endpoint))
}

async function notQuiet(endpoint: string): Promise<string | undefined> {
  const health = (await (await fetch(`${endpoint}/healthz`)).json()) as {
    readonly links: readonly { readonly atRisk: number; readonly diverged: number }[]
    readonly queues: { readonly outbox: number; readonly deadLetters: number }
  }
  const { links, queues } = health
  const isQuiet =
    links.every(({ atRisk, diverged }) => atRisk + diverged === 0) && queues.outbox + queues.deadLetters === 0
  return isQuiet ? undefined : `${endpoint}/healthz shows ${JSON.stringify(health)}`
}

/** @throws Error where a row differs. Resolves with how many there are. */
export async function expectSame(directory: string, { ledger }: Stage): Promise<number> {
  const replicated = ledger.vaults.filter(({ replica }) => replica === 'wanted').map(({ id }) => id)
  const { rows, difference } = storedDifference(directory, regions, replicated)
  if (difference !== undefined) throw new Error(difference)
  return rows
}
