import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildPackage } from '../package/build.ts'
import { exactCpuMs, residentMb } from './processFigures.ts'
import { startService, type Service } from './service.ts'
import { sizedStores, type SizedStore } from './sizedStores.ts'

const basePort = 7940
const rounds = 9
const starts = 5
const connections = 4
/** What a change leaves behind (streams, the audit's groups) is worked off by then. */
const quietMs = 800

interface Running {
  readonly store: SizedStore
  readonly service: Service
  readonly management: string
  readonly crypto: string
  /** Keys that were not used yet. */
  readonly unused: string[]
  readonly deepPage: string
}

interface Work {
  readonly name: string
  readonly count: number
  readonly request: (running: Running) => {
    readonly method: string
    readonly origin: string
    readonly path: string
    readonly body?: unknown
  }
}

const plaintext = Buffer.alloc(32, 1).toString('base64')

function encrypt({ crypto }: Running, keyId: string) {
  return { method: 'POST', origin: crypto, path: '/20180608/encrypt', body: { keyId, plaintext } }
}

function listPath({ service }: Running): string {
  return `/20180608/keys?compartmentId=${service.tenancyId}&sortBy=DISPLAYNAME`
}

const works: readonly Work[] = [
  { name: 'Encrypt, one key', count: 400, request: (running) => encrypt(running, running.store.sample[0] ?? '') },
  {
    name: 'Encrypt, a key not used before',
    count: 60,
    request: (running) => encrypt(running, running.unused.pop() ?? ''),
  },
  {
    name: 'ListKeys, the first 100',
    count: 40,
    request: (running) => ({ method: 'GET', origin: running.management, path: listPath(running) }),
  },
  {
    name: 'ListKeys, 100 from the middle',
    count: 40,
    request: (running) => ({
      method: 'GET',
      origin: running.management,
      path: `${listPath(running)}&page=${running.deepPage}`,
    }),
  },
  {
    name: 'CreateKey',
    count: 60,
    request: ({ management, service }) => ({
      method: 'POST',
      origin: management,
      path: '/20180608/keys',
      body: { compartmentId: service.tenancyId, displayName: 'made', keyShape: { algorithm: 'AES', length: 32 } },
    }),
  },
]

/** Processor time of the service for one of so many, µs, signing and the caller's side not counted. */
async function costOf(running: Running, { count, request, name }: Work): Promise<number> {
  const { service } = running
  const signed = Array.from({ length: count }, () => {
    const { method, origin, path, body } = request(running)
    return { origin, ...service.signed(method, origin, path, body) }
  })
  const before = await exactCpuMs(service.pid)
  const worker = async () => {
    for (let next = signed.pop(); next !== undefined; next = signed.pop()) {
      const { origin, path, method, headers, body } = next
      const answer = await fetch(origin + path, { method, headers, ...(method === 'GET' ? {} : { body }) })
      const text = await answer.text()
      if (!answer.ok) throw new Error(`${name}: ${answer.status} ${text}`)
    }
  }
  await Promise.all(Array.from({ length: connections }, worker))
  await new Promise((resolve) => setTimeout(resolve, quietMs))
  return ((await exactCpuMs(service.pid)) - before) * (1000 / count)
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}

function start({ directory }: SizedStore, index: number, program: string): Promise<Service> {
  // The copies' vaults have one port, so that each store is served at an address of its own.
  return startService(basePort, {}, false, { directory, host: `127.0.0.${20 + index}`, program })
}

async function running(store: SizedStore, service: Service): Promise<Running> {
  const home = service.endpoints[0]?.endpoint ?? ''
  const { body } = await service.call('GET', home, `/20180608/vaults/${store.vaultId}`)
  const [management, crypto] = [String(body['managementEndpoint']), String(body['cryptoEndpoint'])]
  const [, ...unused] = store.sample.toSorted()
  const found = { store, service, management, crypto, unused, deepPage: '' }
  return { ...found, deepPage: await middleOf(found) }
}

/** A page's token, moved to the middle of the list. */
async function middleOf(running: Running): Promise<string> {
  const { service, management, store } = running
  const path = listPath(running)
  const { headers } = service.signed('GET', management, path)
  const answer = await fetch(management + path, { headers })
  const token = Buffer.from(answer.headers.get('opc-next-page') ?? '', 'base64url').toString()
  const [list] = JSON.parse(token) as string[]
  const middle = `key ${String(Math.floor(store.keys / 2)).padStart(8, '0')}`
  return Buffer.from(JSON.stringify([list, middle])).toString('base64url')
}

/** From the start of the process to its first answers, ms: of healthz, and of an Encrypt. */
async function startTimes(store: SizedStore, index: number, program: string) {
  const startedAt = performance.now()
  const service = await start(store, index, program)
  try {
    const known = await running(store, service)
    const { method, origin, path, body } = encrypt(known, known.store.sample[0] ?? '')
    const answer = await service.call(method, origin, path, body)
    if (answer.status !== 200) throw new Error(JSON.stringify(answer))
    const encrypted = performance.now() - startedAt
    const cpu = await exactCpuMs(service.pid)
    return { healthz: service.startMs, encrypted, cpu, resident: await residentMb(service.pid) }
  } finally {
    // It is stopped in order only after its banner, which comes a moment after its first answer.
    await new Promise((resolve) => setTimeout(resolve, quietMs))
    await service.stop()
  }
}

/** A row of medians and, beside the first, each round's ratio: a machine that is busier for a while is so for all of a round. */
function line(name: string, rounds: readonly (readonly number[])[], unit: string): string {
  const [first = []] = rounds
  const cells = rounds.map((values) => `${median(values).toFixed(0).padStart(8)} ${unit}`).join('')
  const ratios = rounds
    .slice(1)
    .map((values) => `${median(values.map((value, round) => value / (first[round] ?? 0))).toFixed(2)} ×`)
  return `  ${name.padEnd(34)}${cells}   ${ratios.join(', ')}`
}

/** Each kind of work on stores of several sizes, in turns, so that a busy machine is as busy for each. */
export async function benchSizes(sizes: readonly number[], root = join(tmpdir(), 'vaultspan-sizes')): Promise<void> {
  const stores = await sizedStores(root, sizes, basePort)
  // As it is installed: from the sources each process strips their types first.
  const program = join(await buildPackage(), 'dist', 'cli.js')
  console.log(`\nKeys in the store: ${stores.map(({ keys }) => keys).join(', ')} (goal: flat within 10 %); medians`)
  const started = stores.map((): Awaited<ReturnType<typeof startTimes>>[] => [])
  for (let round = 0; round < starts; round += 1) {
    for (const [index, store] of stores.entries()) started[index]?.push(await startTimes(store, index, program))
  }
  const of = (name: 'healthz' | 'encrypted' | 'cpu' | 'resident') => started.map((each) => each.map((one) => one[name]))
  console.log(line('start to the first answer', of('healthz'), 'ms'))
  console.log(line('start to the first Encrypt', of('encrypted'), 'ms'))
  console.log(line('processor time until then', of('cpu'), 'ms'))
  console.log(line('memory then', of('resident'), 'MB'))
  const all: Running[] = []
  try {
    for (const [index, store] of stores.entries()) all.push(await running(store, await start(store, index, program)))
    for (const work of works) {
      const costs = all.map((): number[] => [])
      for (let round = -1; round < rounds; round += 1) {
        for (const [index, each] of all.entries()) {
          const cost = await costOf(each, work)
          if (round >= 0) costs[index]?.push(cost)
        }
      }
      console.log(line(work.name, costs, 'µs'))
    }
    const resident = await Promise.all(all.map(async ({ service }) => [await residentMb(service.pid)]))
    console.log(line('memory at the end', resident, 'MB'))
  } finally {
    for (const { service } of all) await service.stop()
  }
}
