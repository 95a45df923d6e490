import { createCipheriv, createSecretKey, generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto'
import autocannon from 'autocannon'
import { startService, type Service } from './service.ts'
import { createKey } from './story.ts'

const presigned = 2000
const seconds = 8

/** What OpenSSL alone takes for the work no server can leave out: one RSA-2048 verification and one AES-256-GCM, µs. */
function floorMicros(): { verify: number; gcm: number } {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const message = Buffer.alloc(400, 7)
  const signature = sign('sha256', message, privateKey)
  const key = createSecretKey(randomBytes(32))
  const time = (work: () => void) => {
    for (let i = 0; i < 2000; i += 1) work()
    const start = performance.now()
    for (let i = 0; i < 10_000; i += 1) work()
    return ((performance.now() - start) * 1000) / 10_000
  }
  return {
    verify: time(() => verify('sha256', message, publicKey, signature)),
    gcm: time(() => {
      const cipher = createCipheriv('aes-256-gcm', key, randomBytes(12))
      cipher.update(message.subarray(0, 32))
      cipher.final()
      cipher.getAuthTag()
    }),
  }
}

async function load(service: Service, origin: string, keyId: string, connections: number): Promise<string> {
  const body = { keyId, plaintext: Buffer.alloc(32, 1).toString('base64') }
  const requests = Array.from({ length: presigned }, () => {
    const signed = service.signed('POST', origin, '/20180608/encrypt', body)
    // autocannon sends these two itself, and a second one makes the request malformed.
    const { host: _host, 'content-length': _length, ...headers } = signed.headers
    return { ...signed, headers }
  })
  await autocannon({ url: origin, connections, duration: 2, requests: requests as autocannon.Request[] })
  const before = await service.cpuMs()
  const result = await autocannon({
    url: origin,
    connections,
    duration: seconds,
    requests: requests as autocannon.Request[],
  })
  const cpu = (await service.cpuMs()) - before
  const total = result['2xx']
  const failed = result.non2xx + result.errors
  return (
    `${String(connections).padStart(3)} connections: ${(total / seconds).toFixed(0).padStart(6)} requests/s, ` +
    `p50 ${result.latency.p50} ms, p99 ${result.latency.p99} ms, ${((cpu * 1000) / total).toFixed(0)} µs CPU a request, ${failed} failed`
  )
}

/** Encrypt over HTTP: every request signed beforehand, verified, authorized, and encrypted under a key of its own. */
export async function benchEncrypt(): Promise<void> {
  const floor = floorMicros()
  console.log(`\nEncrypt 32 bytes over HTTP (autocannon on the same machine, ${seconds} s each)`)
  console.log(`OpenSSL alone: RSA-2048 verify ${floor.verify.toFixed(0)} µs + AES-256-GCM ${floor.gcm.toFixed(0)} µs`)
  console.log(
    'To beat: OpenBao 2.6.2 transit 2,400/s at 1 and 4,900/s at 16; floci-oci 0.2.0 (verifies nothing) 1,200/s and 7,900/s',
  )
  for (const audit of ['on', 'off']) {
    const service = await startService(7860, { CRYPTO_AUDIT: audit })
    const home = service.endpoints[0]?.endpoint ?? ''
    const vault = await service.call('POST', home, '/20180608/vaults', {
      compartmentId: service.tenancyId,
      displayName: 'bench',
      vaultType: 'DEFAULT',
    })
    const origin = String(vault.body['cryptoEndpoint'])
    const keyId = await createKey(service, origin)
    console.log(`crypto audit ${audit}`)
    for (const connections of [1, 16]) console.log(`  ${await load(service, origin, keyId, connections)}`)
    await service.stop()
  }
}
