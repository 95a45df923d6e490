import { KmsError } from './errors.ts'

declare const brand: unique symbol
/** An Oracle Cloud identifier, checked for its form (contract §1.2). */
export type Ocid = string & { readonly [brand]: 'Ocid' }

export const realm = 'oc1'

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'
const uniqueLength = 60
const prefixLength = 13
const form = /^ocid1\.[a-z]+\.[a-z0-9]+\.[a-z0-9-]*(\.[a-zA-Z0-9-]+)+$/

/** The oldest regions carry a three-letter key in OCIDs and in `request.region`; all others their full id. */
const regionKeys: Readonly<Record<string, string>> = {
  'us-ashburn-1': 'iad',
  'us-phoenix-1': 'phx',
  'eu-frankfurt-1': 'fra',
  'uk-london-1': 'lhr',
}

export function regionKey(region: string): string {
  return regionKeys[region] ?? region
}

/** A source of random bytes; a port, so that tests and the simulation can seed it. */
export type RandomBytes = (length: number) => Uint8Array

export type OcidType =
  | 'vault'
  | 'key'
  | 'tenancy'
  | 'compartment'
  | 'user'
  | 'group'
  | 'groupmembership'
  | 'policy'
  | 'dynamicgroup'
  | 'trustedissuer'
  | 'workrequest'
  | 'tagnamespace'
  | 'tagdefinition'
  | 'tagdefault'

/** `ocid1.{type}.oc1.{regionKey}[.{vaultPrefix}].{unique}`; `unique` is 60 characters of lower-case base32. */
export function newOcid(
  random: RandomBytes,
  type: OcidType,
  place: { region?: string; vaultPrefix?: string } = {},
): Ocid {
  const region = place.region === undefined ? '' : regionKey(place.region)
  const prefix = place.vaultPrefix === undefined ? '' : `${place.vaultPrefix}.`
  return `ocid1.${type}.${realm}.${region}.${prefix}${randomBase32(random, uniqueLength)}` as Ocid
}

/** The first label of a vault's two hosts. */
export function newVaultPrefix(random: RandomBytes): string {
  return randomBase32(random, prefixLength)
}

/** What a version's material is called inside its OCID, its row and its ciphertexts: 32 hex digits. */
export function newMaterialId(random: RandomBytes): string {
  return Buffer.from(random(16)).toString('hex')
}

/**
 * A key version's OCID carries its material id in the first 26 characters of `unique`, so that a version's row is
 * found by its OCID and by the id inside a ciphertext alike, without an index.
 */
export function newKeyVersionOcid(random: RandomBytes, keyId: Ocid, materialId: string): Ocid {
  const [, , , region, vaultPrefix] = keyId.split('.')
  const unique = base32(Buffer.from(materialId, 'hex')) + randomBase32(random, uniqueLength - 26)
  return `ocid1.keyversion.${realm}.${region ?? ''}.${vaultPrefix ?? ''}.${randomBase32(random, prefixLength)}.${unique}` as Ocid
}

/** The material id (32 hex digits) inside a key version's OCID; undefined where the text is not such an OCID. */
export function materialIdOf(keyVersionId: string): string | undefined {
  const segments = keyVersionId.split('.')
  const unique = segments[6]
  if (segments[1] !== 'keyversion' || unique?.length !== uniqueLength) return undefined
  return unbase32(unique.slice(0, 26))?.subarray(0, 16).toString('hex')
}

/** The vault prefix inside a vault's, key's or key version's OCID. */
export function vaultPrefixOf(id: string): string | undefined {
  const segments = id.split('.')
  return segments.length >= 6 ? segments[4] : undefined
}

/** @throws KmsError invalidParameter where the text has not the form of an OCID. */
export function parseOcid(text: string, member: string): Ocid {
  if (text.length > 255 || !form.test(text)) throw new KmsError('invalidParameter', `${member} is not an OCID.`)
  return text as Ocid
}

function randomBase32(random: RandomBytes, length: number): string {
  return base32(random(Math.ceil((length * 5) / 8))).slice(0, length)
}

function base32(bytes: Uint8Array): string {
  let text = ''
  let bits = 0
  let value = 0
  for (const byte of bytes) {
    value = (value << 8) | byte
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += alphabet.charAt((value >>> bits) & 31)
    }
    value &= (1 << bits) - 1
  }
  return bits > 0 ? text + alphabet.charAt((value << (5 - bits)) & 31) : text
}

function unbase32(text: string): Buffer | undefined {
  const bytes: number[] = []
  let bits = 0
  let value = 0
  for (const character of text) {
    const digit = alphabet.indexOf(character)
    if (digit < 0) return undefined
    value = (value << 5) | digit
    bits += 5
    if (bits >= 8) {
      bits -= 8
      bytes.push((value >>> bits) & 255)
      value &= (1 << bits) - 1
    }
  }
  return Buffer.from(bytes)
}
