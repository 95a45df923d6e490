import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { writeFileDurably } from '../../lib/durableFile.ts'
import { fingerprint } from '../../lib/iam/signature/fingerprint.ts'
import type { HostDirectory } from './hostDirectory.ts'
import type { DataFiles } from '../region/region.ts'
import { typed } from '../typed.ts'
import { UserError } from '../../lib/userError.ts'

/** The key of the administrator who comes with a new cloud. */
export interface AdministratorKey {
  readonly privateKeyPem: string
  readonly publicKeyPem: string
  readonly fingerprint: string
}

/** Reads the administrator's API key, or makes a fresh one and keeps it. @throws UserError where the file holds none. */
export function administratorKey(directory: HostDirectory): AdministratorKey {
  const file = directory.file('oci', 'administrator.pem')
  if (file !== undefined && existsSync(file)) return keyIn(file, directory.path ?? '')
  const key = newAdministratorKey()
  keepAdministratorKey(directory, key)
  return key
}

/** RSA-2048. */
export function newAdministratorKey(): AdministratorKey {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  return keyOf(privateKey.export({ type: 'pkcs8', format: 'pem' }) as string)
}

/** The file is its owner's alone. */
export function keepAdministratorKey(
  directory: DataFiles,
  { privateKeyPem }: Pick<AdministratorKey, 'privateKeyPem'>,
): void {
  const file = directory.file('oci', 'administrator.pem')
  // The last line is the label that OCI's CLI asks for; PEM readers pass over it.
  if (file !== undefined) writeFileDurably(file, `${privateKeyPem}OCI_API_KEY\n`, { mode: 0o600 })
}

function keyIn(file: string, data: string): AdministratorKey {
  const pem = readFileSync(file, 'utf8')
  try {
    return keyOf(pem)
  } catch (cause) {
    throw new UserError(
      `${file} holds no RSA private key (PEM) that can be read. Put the administrator's back from a copy, or make a new one: ${typed('reset-administrator', '--data', data)}`,
      { cause },
    )
  }
}

/** @throws on anything but an RSA private key; a public one cannot sign. */
function keyOf(privateKeyPem: string): AdministratorKey {
  if (createPrivateKey(privateKeyPem).asymmetricKeyType !== 'rsa') throw new TypeError('Not an RSA key.')
  const publicKey = createPublicKey(privateKeyPem)
  return {
    privateKeyPem,
    publicKeyPem: publicKey.export({ type: 'spki', format: 'pem' }) as string,
    fingerprint: fingerprint(publicKey),
  }
}

export interface Profile {
  readonly tenancyId: string
  readonly userId: string
  readonly fingerprint: string
  readonly region: string
}

/** The standard OCI configuration file, with a DEFAULT profile that works. */
export function writeOciConfig(directory: DataFiles, { tenancyId, userId, fingerprint: print, region }: Profile): void {
  const file = directory.file('oci', 'config')
  const keyFile = directory.file('oci', 'administrator.pem')
  if (file === undefined || keyFile === undefined) return
  const lines = [
    '[DEFAULT]',
    `user=${userId}`,
    `fingerprint=${print}`,
    `tenancy=${tenancyId}`,
    `region=${region}`,
    `key_file=${keyFile}`,
    '',
  ]
  writeIfOther(file, lines.join('\n'))
}

/**
 * Defaults for OCI's CLI, by which the commands that a region answers need neither --endpoint nor --compartment-id. Keys
 * and crypto answer at their vault's endpoint, so their commands keep asking for one.
 */
export function writeCliDefaults(directory: DataFiles, endpoint: string, compartmentId: string): void {
  const file = directory.file('oci', 'oci_cli_rc')
  if (file === undefined) return
  const services = ['kms.management.vault', 'iam', 'audit']
  const lines = [
    '[DEFAULT]',
    `compartment-id=${compartmentId}`,
    ...services.map((each) => `${each}.endpoint=${endpoint}`),
    '',
  ]
  writeIfOther(file, lines.join('\n'))
}

function writeIfOther(file: string, text: string): void {
  if (!existsSync(file) || readFileSync(file, 'utf8') !== text) writeFileDurably(file, text, { mode: 0o600 })
}
