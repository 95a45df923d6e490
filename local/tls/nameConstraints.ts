import { Extension, GeneralName } from '@peculiar/x509'

const oid = '2.5.29.30'
const permittedSubtrees = 0xa0
const sequence = 0x30
const ipAddress = 0x87

/** RFC 5280 §4.2.1.10: whoever stole the authority's key could speak for nothing else than these names, and loopback. */
export function nameConstraints(domains: readonly string[]): Extension {
  const names = domains.map((domain) => new Uint8Array(new GeneralName('dns', domain).rawData))
  const subtrees = [...names, ...loopbackRanges].map((name) => element(sequence, name))
  return new Extension(oid, true, element(sequence, element(permittedSubtrees, Buffer.concat(subtrees))))
}

/** 127.0.0.0/8 and ::1/128: an address and its mask. */
const loopbackRanges = [
  element(ipAddress, Buffer.from([127, 0, 0, 0, 255, 0, 0, 0])),
  element(ipAddress, Buffer.concat([Buffer.alloc(15), Buffer.from([1]), Buffer.alloc(16, 255)])),
]

/** DER, of fewer than 64 KB. */
function element(tag: number, content: Uint8Array): Buffer<ArrayBuffer> {
  const { length } = content
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}
