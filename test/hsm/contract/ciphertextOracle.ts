import { subtle } from './webOracle.ts'

/** The documented ciphertext of an AES key (docs/security.md), by @peculiar/webcrypto and none of our code. */

type Pairs = Readonly<Record<string, string>>

const suites: Readonly<Record<number, number>> = { 32: 1, 24: 2, 16: 3 }
const [ID_AT, NONCE_AT, COMMITMENT_AT, BODY_AT] = [2, 18, 42, 74] as const

export async function sealOutside(
  master: Buffer,
  materialId: string,
  nonce: Buffer,
  plaintext: Buffer,
  pairs: Pairs,
): Promise<Buffer> {
  const start = Buffer.from([1, suites[master.length] ?? 0])
  const header = Buffer.concat([start, Buffer.from(materialId, 'hex'), nonce])
  const { algorithm, key, commitment } = await messageKey(master, header, pairs)
  return Buffer.concat([header, commitment, Buffer.from(await subtle.encrypt(algorithm, key, plaintext))])
}

export async function openOutside(
  master: Buffer,
  materialId: string,
  ciphertext: Buffer,
  pairs: Pairs,
): Promise<Buffer> {
  const header = ciphertext.subarray(0, COMMITMENT_AT)
  const { algorithm, key, commitment } = await messageKey(master, header, pairs)
  const said = {
    format: header[0],
    suite: header[1],
    materialId: header.toString('hex', ID_AT, NONCE_AT),
    commitment: ciphertext.subarray(COMMITMENT_AT, BODY_AT),
  }
  expect(said).toEqual({ format: 1, suite: suites[master.length], materialId, commitment })
  return Buffer.from(await subtle.decrypt(algorithm, key, ciphertext.subarray(BODY_AT)))
}

async function messageKey(master: Buffer, header: Buffer, pairs: Pairs) {
  const nonce = header.subarray(NONCE_AT)
  const cmac = { name: 'AES-CMAC', length: master.length * 8 }
  const root = await subtle.importKey('raw', master, cmac, false, ['sign'])
  const blocks: Buffer[] = []
  for (let block = 1; block <= 4; block++) {
    const input = Buffer.concat([Buffer.from([0, block, 0x58, 0]), nonce.subarray(0, 12)])
    blocks.push(Buffer.from(await subtle.sign(cmac, root, input)))
  }
  const additionalData = Buffer.concat([header, encoded(pairs)])
  const committed = Buffer.concat([...blocks.slice(2), additionalData])
  const derived = Buffer.concat(blocks).subarray(0, master.length)
  return {
    algorithm: { name: 'AES-GCM', iv: nonce.subarray(12), additionalData, tagLength: 128 },
    key: await subtle.importKey('raw', derived, 'AES-GCM', false, ['encrypt', 'decrypt']),
    commitment: Buffer.from(await subtle.digest('SHA-256', committed)),
  }
}

function encoded(pairs: Pairs): Buffer {
  const texts = Object.entries(pairs)
    .sort(([one], [other]) => Buffer.compare(Buffer.from(one), Buffer.from(other)))
    .flat()
  return Buffer.concat(
    texts.flatMap((text) => {
      const length = Buffer.alloc(4)
      length.writeUInt32BE(Buffer.byteLength(text))
      return [length, Buffer.from(text)]
    }),
  )
}
