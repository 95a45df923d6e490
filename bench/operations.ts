import { startService, type Service } from './service.ts'

const connections = 8

interface Load {
  readonly name: string
  readonly count: number
  readonly path: string
  readonly method?: 'GET' | 'POST'
  readonly body?: (index: number) => unknown
}

/** Requests a second, p99 and the service's worst event-loop gap: signed one by one, `connections` at a time. */
async function measure(service: Service, origin: string, load: Load): Promise<string> {
  const { name, count, path, method = 'POST', body = () => undefined } = load
  const requests = Array.from({ length: count }, (_, index) =>
    service.signed(method, origin, path, method === 'GET' ? undefined : body(index)),
  )
  await service.loopGap()
  const times: number[] = []
  let failed = 0
  const startedAt = performance.now()
  const worker = async () => {
    for (let next = requests.pop(); next !== undefined; next = requests.pop()) {
      const at = performance.now()
      const { headers, body: text } = next
      const answer = await fetch(origin + path, { method, headers, ...(method === 'GET' ? {} : { body: text }) })
      await answer.arrayBuffer()
      times.push(performance.now() - at)
      if (!answer.ok) failed += 1
    }
  }
  await Promise.all(Array.from({ length: connections }, worker))
  const seconds = (performance.now() - startedAt) / 1000
  const p99 = times.sort((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? 0
  const { wall, computing } = await service.loopGap()
  return (
    `${name.padEnd(30)} ${(count / seconds).toFixed(0).padStart(6)}/s  p99 ${p99.toFixed(1).padStart(7)} ms  ` +
    `event loop stood ${wall.toFixed(1).padStart(6)} ms at most, computing for ${computing.toFixed(1)}${failed === 0 ? '' : `  ${failed} FAILED`}`
  )
}

const shapes = {
  'AES-256': { algorithm: 'AES', length: 32 },
  'RSA-2048': { algorithm: 'RSA', length: 256 },
  'RSA-4096': { algorithm: 'RSA', length: 512 },
  'ECDSA P-256': { algorithm: 'ECDSA', length: 32 },
} as const
type ShapeName = keyof typeof shapes

/** Every kind of work over HTTP by algorithm. */
export async function benchOperations(): Promise<void> {
  const service = await startService(7890, {}, true)
  try {
    const home = service.endpoints[0]?.endpoint ?? ''
    const details = { compartmentId: service.tenancyId, displayName: 'bench' }
    const vault = await service.call('POST', home, '/20180608/vaults', { ...details, vaultType: 'DEFAULT' })
    const origin = String(vault.body['managementEndpoint'])
    const create = (shape: ShapeName) => ({ ...details, keyShape: shapes[shape] })
    const key = async (shape: ShapeName) => (await service.call('POST', origin, '/20180608/keys', create(shape))).body
    const print = async (load: Load) => {
      console.log(`  ${await measure(service, origin, load)}`)
    }
    console.log(`\nOperations over HTTP, ${connections} connections, signing not counted (goal: no gap over 20 ms)`)
    const message = Buffer.alloc(32, 1).toString('base64')
    const counts = { 'AES-256': 400, 'ECDSA P-256': 200, 'RSA-2048': 40, 'RSA-4096': 12 } as const
    for (const [shape, count] of Object.entries(counts) as [ShapeName, number][])
      await print({ name: `CreateKey ${shape}`, count, path: '/20180608/keys', body: () => create(shape) })
    const aes = String((await key('AES-256'))['id'])
    await print({
      name: 'CreateKeyVersion AES-256',
      count: 200,
      path: `/20180608/keys/${aes}/keyVersions`,
      body: () => ({}),
    })
    await print({ name: 'GetKey', count: 1000, method: 'GET', path: `/20180608/keys/${aes}` })
    await print({
      name: 'Encrypt AES-256',
      count: 2000,
      path: '/20180608/encrypt',
      body: () => ({ keyId: aes, plaintext: message }),
    })
    for (const shape of ['RSA-2048', 'RSA-4096', 'ECDSA P-256'] as const) {
      const made = await key(shape)
      const [keyId, keyVersionId] = [made['id'], made['currentKeyVersion']]
      const signingAlgorithm = shape === 'ECDSA P-256' ? 'ECDSA_SHA_256' : 'SHA_256_RSA_PKCS_PSS'
      const details2 = { keyId, message, signingAlgorithm }
      await print({ name: `Sign ${shape}`, count: 400, path: '/20180608/sign', body: () => details2 })
      const { signature } = (await service.call('POST', origin, '/20180608/sign', details2)).body
      const body = () => ({ ...details2, keyVersionId, signature })
      await print({ name: `Verify ${shape}`, count: 800, path: '/20180608/verify', body })
    }
  } finally {
    await service.stop()
  }
}
