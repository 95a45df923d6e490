/** The two forms of a P-384 signature: ASN.1 DER, as HSMs give it, and r and s one after the other, as JWTs have it (RFC 7518). */
const size = 48

export function concatenated(der: Buffer): Buffer {
  // SEQUENCE and its length, which is below 128 here; then r and s, each INTEGER, length and bytes.
  const rLength = der.readUInt8(3)
  const sStart = 4 + rLength + 2
  return Buffer.concat([padded(der.subarray(4, 4 + rLength)), padded(der.subarray(sStart))])
}

export function derOf(concatenation: Buffer): Buffer {
  const r = integer(concatenation.subarray(0, size))
  const s = integer(concatenation.subarray(size))
  return Buffer.concat([Buffer.from([0x30, r.length + s.length]), r, s])
}

function padded(bytes: Buffer): Buffer {
  const significant = bytes.subarray(Math.max(0, bytes.length - size))
  return Buffer.concat([Buffer.alloc(size - significant.length), significant])
}

function integer(bytes: Buffer): Buffer {
  const first = bytes.findIndex((byte) => byte !== 0)
  const significant = first < 0 ? Buffer.alloc(1) : bytes.subarray(first)
  const isNegative = significant.readUInt8(0) >= 0x80
  const body = isNegative ? Buffer.concat([Buffer.alloc(1), significant]) : significant
  return Buffer.concat([Buffer.from([0x02, body.length]), body])
}
