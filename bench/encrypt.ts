import { availableParallelism, loadavg } from 'node:os'
import { measureFloor, type Floor } from './floor.ts'
import { generator, load, type Loaded, type LoadRequest } from './generator.ts'
import { wanted, type Peer } from './peers.ts'
import { cpuOf } from './processFigures.ts'
import { startService, type Service } from './service.ts'
import { createKey } from './story.ts'

const presigned = 2000
const seconds = 8
/** What V8 still compiles belongs to the start, not to a request: so many requests go before those that are measured, or as many as fit. */
const warmUp = { requests: 60_000, seconds: 20 }

/** What is measured: ours, or a peer. */
interface Target {
  readonly name: string
  readonly url: string
  readonly requests: readonly LoadRequest[]
  readonly pid: number | undefined
}

interface Measured extends Loaded {
  readonly name: string
  readonly connections: number
  /** Of processor time, a request; and which threads took it. Undefined where no process was named. */
  readonly micros: number | undefined
  readonly byThread: readonly (readonly [name: string, micros: number])[]
}

function ours(service: Service, url: string, keyId: string): Target {
  const body = { keyId, plaintext: Buffer.alloc(32, 1).toString('base64') }
  const requests = Array.from({ length: presigned }, () => service.signed('POST', url, '/20180608/encrypt', body))
  return { name: 'Vaultspan', url, requests, pid: service.pid }
}

function theirs({ name, url, headers, body, pid }: Peer): Target {
  const { pathname, search } = new URL(url)
  const request = {
    method: 'POST',
    path: pathname + search,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  }
  return { name, url, requests: [request], pid }
}

async function warm({ url, requests }: Target): Promise<number> {
  let left = warmUp.requests
  for (let second = 0; left > 0 && second < warmUp.seconds; second += 1)
    left -= (await load({ url, connections: 16, seconds: 1, requests })).answered
  return warmUp.requests - left
}

async function measure({ name, url, requests, pid }: Target, connections: number): Promise<Measured> {
  await load({ url, connections, seconds: 2, requests })
  const before = pid === undefined ? undefined : await cpuOf(pid)
  const loaded = await load({ url, connections, seconds, requests })
  const named = { ...loaded, name, connections }
  if (pid === undefined || before === undefined) return { ...named, micros: undefined, byThread: [] }
  const after = await cpuOf(pid)
  const aRequest = (ms: number) => (ms * 1000) / loaded.answered
  const byThread = Object.entries(after.byThread)
    .map(([thread, ms]) => [thread, aRequest(ms - (before.byThread[thread] ?? 0))] as const)
    .filter(([, micros]) => micros >= 1)
    .sort(([, a], [, b]) => b - a)
  return { ...named, micros: aRequest(after.whole - before.whole), byThread }
}

function lineOf({ name, connections, perSecond, p50, p99, micros, byThread, failed }: Measured, floor: Floor): string {
  const threads = byThread.map(([thread, each]) => `${thread} ${each.toFixed(0)}`).join(', ')
  const cpu =
    micros === undefined
      ? 'CPU not measured'
      : `${micros.toFixed(0)} µs CPU a request (${(micros / floor.whole).toFixed(2)} × the floor; ${threads})`
  return (
    `${String(connections).padStart(3)} connections: ${name} ${perSecond.toFixed(0).padStart(6)}/s, ` +
    `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, ${cpu}, ${failed} failed; load ${(loadavg()[0] ?? 0).toFixed(1)}`
  )
}

/** Met, or by how much not. `most`: it is to be no more. */
function goal(text: string, value: number, wanted: number, most = false): string {
  const isMet = most ? value <= wanted : value >= wanted
  const missed = isMet
    ? `met (${value.toFixed(2)})`
    : `MISSED: ${value.toFixed(2)}, ${(most ? value / wanted : wanted / value).toFixed(2)} × off`
  return `  ${text}: ${missed}`
}

function goalsOf({ connections, micros = 0, p99 }: Measured, floor: Floor): readonly string[] {
  const at = `at ${connections}`
  const cpu = goal(`${at}: CPU a request ≤ 1.5 × the floor`, micros / floor.whole, 1.5, true)
  return connections === 16 ? [cpu, goal(`${at}: p99 ≤ 10 ms`, p99, 10, true)] : [cpu]
}

function besidePeer(own: Measured, { name, connections, perSecond }: Measured): readonly string[] {
  const times = wanted[name]?.[connections]
  const text = `at ${connections}: requests a second ≥ ${times} × ${name}`
  return times === undefined ? [] : [goal(text, own.perSecond / perSecond, times)]
}

/** Encrypt over HTTP: every request signed beforehand, verified, authorized, audited, and encrypted under a key of its own. */
export async function benchEncrypt(workers: number, peers: readonly Peer[]): Promise<void> {
  const floor = await measureFloor()
  console.log(
    `\nEncrypt 32 bytes over HTTP, ${generator} on the same ${availableParallelism()} cores, ${seconds} s each`,
  )
  console.log(
    `The floor in this run: RSA-2048 verify ${floor.verify.toFixed(0)} + AES-256-GCM ${floor.gcm.toFixed(0)} + derivation ` +
      `${floor.derive.toFixed(0)} + bare node:http ${floor.http.toFixed(0)} = ${floor.whole.toFixed(0)} µs CPU a request`,
  )
  for (const count of new Set([workers, 1])) {
    const service = await startService(7860, { WORKERS: String(count) })
    const home = service.endpoints[0]?.endpoint ?? ''
    const vault = await service.call('POST', home, '/20180608/vaults', {
      compartmentId: service.tenancyId,
      displayName: 'bench',
      vaultType: 'DEFAULT',
    })
    const origin = String(vault.body['cryptoEndpoint'])
    const own = ours(service, origin, await createKey(service, origin))
    // A peer takes all cores, as ours with its workers.
    const others = count === workers ? peers.map(theirs) : []
    console.log(count < 2 ? 'no workers' : `${count} workers`)
    for (const each of [own, ...others]) console.log(`  ${each.name} is warmed up by ${await warm(each)} requests`)
    const goals: string[] = []
    for (const connections of [1, 16, 64]) {
      const measured = await measure(own, connections)
      console.log(`  ${lineOf(measured, floor)}`)
      goals.push(...goalsOf(measured, floor))
      for (const other of others) {
        const beside = await measure(other, connections)
        console.log(`  ${lineOf(beside, floor)}`)
        goals.push(...besidePeer(measured, beside))
      }
    }
    for (const line of goals) console.log(line)
    await service.stop()
  }
}
