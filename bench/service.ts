import { spawn } from 'node:child_process'
import { createHash, createPrivateKey, sign, type KeyObject } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StoodStill } from './standstill.ts'
import { cpuOf, treeOf, type CpuMs } from './processFigures.ts'

/** A service of its own in a process of its own, on a temporary directory. */
export interface Service {
  readonly pid: number
  readonly endpoints: readonly { readonly region: string; readonly endpoint: string }[]
  readonly tenancyId: string
  readonly directory: string
  /** From the spawn to the first answer, ms. */
  readonly startMs: number
  /** User and system time of all its processes so far, ms, by the names of their threads (Linux). */
  cpuMs(): Promise<CpuMs>
  /** The worst of the event loops of its processes since the last call; threads are not seen. */
  loopGap(): Promise<StoodStill>
  signed(method: string, origin: string, path: string, body?: unknown): SignedRequest
  call(
    method: string,
    origin: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number; body: Record<string, unknown> }>
  stop(): Promise<void>
}

export interface SignedRequest {
  readonly method: string
  readonly path: string
  readonly headers: Record<string, string>
  readonly body: string
}

function loopGap(directory: string): Record<string, string> {
  const module = new URL('loopGap.ts', import.meta.url).href
  return { NODE_OPTIONS: `--import=${module}`, LOOP_GAP_FILE: join(directory, 'gap') }
}

/** A directory that stays when the service stops, and where it is served. */
export interface Kept {
  readonly directory: string
  readonly host: string
  /** What serves; by default the sources. */
  readonly program?: string
}

/** `measuresLoop`: at the price of a timer every millisecond. */
export async function startService(
  port: number,
  environment: Record<string, string> = {},
  measuresLoop = false,
  kept?: Kept,
): Promise<Service> {
  const directory = kept?.directory ?? (await mkdtemp(join(tmpdir(), 'vaultspan-bench-')))
  const host = kept?.host ?? '127.0.0.1'
  const flags = ['--data', directory, '--port', String(port), '--host', host]
  const startedAt = performance.now()
  const child = spawn(process.execPath, [kept?.program ?? 'local/main.ts', 'start', ...flags], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      ...(measuresLoop ? loopGap(directory) : {}),
      ...environment,
    },
  })
  await firstAnswer(`http://${host}:${port}/healthz`)
  const startMs = performance.now() - startedAt
  const { regions, tenancyId } = JSON.parse(await readFile(join(directory, 'endpoints.json'), 'utf8')) as {
    regions: { region: string; endpoint: string }[]
    tenancyId: string
  }
  const signer = await readSigner(directory)
  return {
    pid: child.pid ?? 0,
    endpoints: regions,
    tenancyId,
    directory,
    startMs,
    cpuMs: () => cpuOf(child.pid ?? 0),
    loopGap: async () => {
      const pids = await treeOf(child.pid ?? 0)
      for (const pid of pids) process.kill(pid, 'SIGUSR2')
      await new Promise((resolve) => setTimeout(resolve, 100))
      const read = pids.map((pid) => readFile(join(directory, `gap.${pid}`), 'utf8'))
      const gaps = (await Promise.all(read)).map((text) => JSON.parse(text) as StoodStill)
      return {
        wall: Math.max(...gaps.map(({ wall }) => wall)),
        computing: Math.max(...gaps.map(({ computing }) => computing)),
      }
    },
    signed: (method, origin, path, body) => signRequest(signer, method, origin, path, body),
    call: async (method, origin, path, body) => {
      const { headers, body: text } = signRequest(signer, method, origin, path, body)
      const answer = await fetch(origin + path, { method, headers, ...(method === 'GET' ? {} : { body: text }) })
      const answered = await answer.text()
      return { status: answer.status, body: (answered === '' ? {} : JSON.parse(answered)) as Record<string, unknown> }
    },
    stop: async () => {
      const exited = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGTERM')
      await exited
      if (kept === undefined) await rm(directory, { recursive: true, force: true })
    },
  }
}

async function firstAnswer(url: string): Promise<void> {
  for (let attempt = 0; attempt < 1000; attempt += 1) {
    const answer = await fetch(url).catch(() => undefined)
    if (answer?.ok === true) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error(`Nothing answers at ${url}.`)
}

interface Signer {
  readonly keyId: string
  readonly privateKey: KeyObject
}

async function readSigner(directory: string): Promise<Signer> {
  const config = await readFile(join(directory, 'oci', 'config'), 'utf8')
  const value = (name: string) => new RegExp(`^${name}\\s*=\\s*(.+)$`, 'm').exec(config)?.[1]?.trim() ?? ''
  const privateKey = createPrivateKey(await readFile(value('key_file'), 'utf8'))
  return { keyId: `${value('tenancy')}/${value('user')}/${value('fingerprint')}`, privateKey }
}

function signRequest(
  { keyId, privateKey }: Signer,
  method: string,
  origin: string,
  path: string,
  body: unknown,
): SignedRequest {
  const text = body === undefined ? '' : JSON.stringify(body)
  const fields: [string, string][] = [
    ['date', new Date().toUTCString()],
    ['(request-target)', `${method.toLowerCase()} ${path}`],
    ['host', new URL(origin).host],
  ]
  if (method !== 'GET') {
    fields.push(['content-length', String(Buffer.byteLength(text))], ['content-type', 'application/json'])
    fields.push(['x-content-sha256', createHash('sha256').update(text).digest('base64')])
  }
  const signature = sign(
    'sha256',
    Buffer.from(fields.map(([name, value]) => `${name}: ${value}`).join('\n')),
    privateKey,
  )
  const names = fields.map(([name]) => name).join(' ')
  const authorization = `Signature version="1",keyId="${keyId}",algorithm="rsa-sha256",headers="${names}",signature="${signature.toString('base64')}"`
  const headers = Object.fromEntries(fields.filter(([name]) => name !== '(request-target)'))
  return { method, path, headers: { ...headers, authorization }, body: text }
}
