import { execFile, spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import autocannon from 'autocannon'

export interface LoadRequest {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface Load {
  readonly url: string
  readonly connections: number
  /** Whole ones. */
  readonly seconds: number
  /** Sent one after another, and again from the first. */
  readonly requests: readonly LoadRequest[]
}

export interface Loaded {
  /** With a status below 400. */
  readonly answered: number
  readonly failed: number
  readonly perSecond: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
}

const hasWrk = spawnSync('wrk', ['--version']).error === undefined

/** What makes the load, on the cores of what it measures: wrk takes a few µs of them a request, autocannon some 60. */
export const generator = hasWrk ? 'wrk' : 'autocannon'

export function load(asked: Load): Promise<Loaded> {
  return hasWrk ? byWrk(asked) : byAutocannon(asked)
}

const run = promisify(execFile)
const script = join(import.meta.dirname, 'wrk.lua')

async function byWrk({ url, connections, seconds, requests }: Load): Promise<Loaded> {
  const directory = await mkdtemp(join(tmpdir(), 'vaultspan-bench-'))
  try {
    const file = join(directory, 'requests')
    await writeFile(file, requests.map((request) => `${wireOf(request, url)}\0`).join(''))
    const flags = ['--threads', '1', '--connections', String(connections), '--duration', String(seconds)]
    const { stdout } = await run('wrk', [...flags, '--script', script, url, '--', file])
    const { micros, ...found } = JSON.parse(/^\{.*\}$/m.exec(stdout)?.[0] ?? '') as Loaded & { readonly micros: number }
    return { ...found, perSecond: found.answered / (micros / 1e6) }
  } finally {
    await rm(directory, { recursive: true })
  }
}

function wireOf({ method, path, headers, body }: LoadRequest, url: string): string {
  const own = { host: new URL(url).host, 'content-length': String(Buffer.byteLength(body)), ...headers }
  const lines = Object.entries(own).map(([name, value]) => `${name}: ${value}\r\n`)
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`
}

async function byAutocannon({ url, connections, seconds, requests }: Load): Promise<Loaded> {
  const sent = requests.map((request) => {
    // autocannon sends these two itself, and a second one makes the request malformed.
    const { host: _host, 'content-length': _length, ...headers } = request.headers
    return { ...request, headers }
  }) as autocannon.Request[]
  const result = await autocannon({ url, connections, duration: seconds, requests: sent })
  const answered = result['2xx']
  const { p50, p99 } = result.latency
  return { answered, failed: result.non2xx + result.errors, perSecond: answered / result.duration, p50, p99 }
}
