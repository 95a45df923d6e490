import { availableParallelism } from 'node:os'
import autocannon from 'autocannon'
import { measureFloor, type Floor } from './floor.ts'
import { startService, type Service } from './service.ts'
import { createKey } from './story.ts'

const presigned = 2000
const seconds = 8
/** What V8 still compiles belongs to the start, not to a request: so many requests go before those that are measured, or as many as fit. */
const warmUp = { requests: 60_000, seconds: 20 }

/**
 * Peers, Encrypt of 32 bytes on two cores with autocannon on them too, 16 connections: constants, measured beside commit
 * 1d31848 on the machine of that time, and not in this run.
 */
const peers = {
  openBao: { name: 'OpenBao 2.6.2 transit', perSecond: 10_400 },
  floci: { name: 'floci-oci 0.2.0', perSecond: 18_700 },
}

interface Measured {
  readonly connections: number
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
  /** Of processor time, a request; and which threads took it. */
  readonly micros: number
  readonly byThread: readonly (readonly [name: string, micros: number])[]
  readonly failed: number
}

function requestsOf(service: Service, origin: string, keyId: string): autocannon.Request[] {
  const body = { keyId, plaintext: Buffer.alloc(32, 1).toString('base64') }
  return Array.from({ length: presigned }, () => {
    const signed = service.signed('POST', origin, '/20180608/encrypt', body)
    // autocannon sends these two itself, and a second one makes the request malformed.
    const { host: _host, 'content-length': _length, ...headers } = signed.headers
    return { ...signed, headers }
  }) as autocannon.Request[]
}

async function warm(url: string, requests: autocannon.Request[]): Promise<number> {
  let left = warmUp.requests
  for (let second = 0; left > 0 && second < warmUp.seconds; second += 1)
    left -= (await autocannon({ url, connections: 16, duration: 1, requests }))['2xx']
  return warmUp.requests - left
}

async function load(
  service: Service,
  url: string,
  requests: autocannon.Request[],
  connections: number,
): Promise<Measured> {
  await autocannon({ url, connections, duration: 2, requests })
  const before = await service.cpuMs()
  const result = await autocannon({ url, connections, duration: seconds, requests })
  const after = await service.cpuMs()
  const total = result['2xx']
  const aRequest = (ms: number) => (ms * 1000) / total
  const byThread = Object.entries(after.byThread)
    .map(([name, ms]) => [name, aRequest(ms - (before.byThread[name] ?? 0))] as const)
    .filter(([, micros]) => micros >= 1)
    .sort(([, a], [, b]) => b - a)
  const { p50, p99 } = result.latency
  const failed = result.non2xx + result.errors
  const micros = aRequest(after.whole - before.whole)
  return { connections, perSecond: total / seconds, p50, p99, micros, byThread, failed }
}

function lineOf({ connections, perSecond, p50, p99, micros, byThread, failed }: Measured, floor: Floor): string {
  const threads = byThread.map(([name, each]) => `${name} ${each.toFixed(0)}`).join(', ')
  return (
    `${String(connections).padStart(3)} connections: ${perSecond.toFixed(0).padStart(6)}/s, p50 ${p50} ms, p99 ${p99} ms, ` +
    `${micros.toFixed(0)} µs CPU a request (${(micros / floor.whole).toFixed(2)} × the floor; ${threads}), ${failed} failed`
  )
}

/** Met, or by how much not. `most`: it is to be no more. */
function goal(text: string, value: number, wanted: number, most = false): string {
  const isMet = most ? value <= wanted : value >= wanted
  const missed = isMet
    ? 'met'
    : `MISSED: ${value.toFixed(2)}, ${(most ? value / wanted : wanted / value).toFixed(2)} × off`
  return `  ${text}: ${missed}`
}

function goalsOf(measured: readonly Measured[], floor: Floor): readonly string[] {
  return measured.flatMap(({ connections, perSecond, p99, micros }) => {
    const at = `at ${connections}`
    if (connections === 1) return [goal(`${at}: CPU a request ≤ 1.5 × the floor`, micros / floor.whole, 1.5, true)]
    return [
      goal(`${at}: CPU a request ≤ 1.5 × the floor`, micros / floor.whole, 1.5, true),
      goal(`${at}: ≥ 2 × ${peers.openBao.name} (constant)`, perSecond / peers.openBao.perSecond, 2),
      goal(`${at}: ≥ ${peers.floci.name} (constant), which verifies nothing`, perSecond / peers.floci.perSecond, 1),
      ...(connections === 16 ? [goal(`${at}: p99 ≤ 10 ms`, p99, 10, true)] : []),
    ]
  })
}

/** Encrypt over HTTP: every request signed beforehand, verified, authorized, audited, and encrypted under a key of its own. */
export async function benchEncrypt(workers: number): Promise<void> {
  const floor = await measureFloor()
  console.log(`\nEncrypt 32 bytes over HTTP, autocannon on the same ${availableParallelism()} cores, ${seconds} s each`)
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
    const keyId = await createKey(service, origin)
    console.log(count < 2 ? 'no workers' : `${count} workers`)
    const requests = requestsOf(service, origin, keyId)
    console.log(`  warmed up by ${await warm(origin, requests)} requests`)
    const measured: Measured[] = []
    for (const connections of [1, 16, 64]) {
      const each = await load(service, origin, requests, connections)
      measured.push(each)
      console.log(`  ${lineOf(each, floor)}`)
    }
    for (const line of goalsOf(measured, floor)) console.log(line)
    await service.stop()
  }
}
