import 'reflect-metadata'
import { createPrivateKey, randomBytes, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
  cryptoProvider,
  type Extension,
} from '@peculiar/x509'
import { nameConstraints } from './nameConstraints.ts'
import type { Certificate } from './certificateFiles.ts'

const curve = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const dayMs = 86_400_000

cryptoProvider.set(webcrypto)

export interface Validity {
  readonly days: number
  readonly now: number
}

/** A self-signed authority that can speak for nothing but names below these domains, and for loopback. */
export async function makeAuthority(name: string, domains: readonly string[], valid: Validity): Promise<Certificate> {
  return selfSigned(name, valid, async ({ publicKey }) => [
    new BasicConstraintsExtension(true, 0, true),
    new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    await SubjectKeyIdentifierExtension.create(publicKey),
    nameConstraints(domains),
  ])
}

/** Of nobody but itself, to be pinned: for both ends of a connection. */
export async function makeSelfSigned(name: string, valid: Validity): Promise<Certificate> {
  return selfSigned(name, valid, async () => [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
  ])
}

async function selfSigned(
  name: string,
  valid: Validity,
  extensionsOf: (keys: webcrypto.CryptoKeyPair) => Promise<Extension[]>,
): Promise<Certificate> {
  const keys = await newKeys()
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: `CN=${name}`,
    ...period(valid),
    signingAlgorithm: curve,
    keys,
    extensions: await extensionsOf(keys),
  })
  return asPem(certificate, keys.privateKey)
}

/** For a server with these names and addresses, by an authority. */
export async function makeServerCertificate(
  authority: Certificate,
  names: readonly string[],
  valid: Validity,
): Promise<Certificate> {
  const issuer = new X509Certificate(authority.cert)
  const keys = await newKeys()
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: 'CN=Vaultspan',
    issuer: issuer.subject,
    ...period(valid),
    signingAlgorithm: curve,
    publicKey: keys.publicKey,
    signingKey: await signingKey(authority.key),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      alternativeNames(names),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  })
  return asPem(certificate, keys.privateKey)
}

function alternativeNames(names: readonly string[]): SubjectAlternativeNameExtension {
  return new SubjectAlternativeNameExtension(
    names.map((value) => ({ type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const), value })),
  )
}

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(curve, true, ['sign', 'verify'])
}

async function signingKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' })
  return webcrypto.subtle.importKey('pkcs8', der, curve, false, ['sign'])
}

async function asPem(certificate: X509Certificate, privateKey: webcrypto.CryptoKey): Promise<Certificate> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', privateKey))
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ type: 'pkcs8', format: 'pem' })
  return { cert: `${certificate.toString('pem')}\n`, key: key.toString() }
}

/** Clocks of clients may be a little behind. */
function period({ days, now }: Validity) {
  return { notBefore: new Date(now - dayMs), notAfter: new Date(now + days * dayMs) }
}

/** Positive, and of 16 bytes. */
function serialNumber(): string {
  const bytes = randomBytes(16)
  bytes.writeUInt8((bytes.readUInt8(0) & 0x3f) | 0x40)
  return bytes.toString('hex')
}
