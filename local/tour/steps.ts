import { models } from 'oci-keymanagement'
import type { Clients } from './clients.ts'
import { TourFailure } from './reason.ts'

/** What applications do with keys, through the official client. */

const plaintext = 'the same key in two regions'
const encoded = Buffer.from(plaintext).toString('base64')

export function createKey(
  clients: Clients,
  managementEndpoint: string,
  compartmentId: string,
  displayName: string,
  keyShape: models.KeyShape,
): Promise<models.Key> {
  const createKeyDetails = { compartmentId, displayName, keyShape }
  return clients
    .keys(managementEndpoint)
    .createKey({ createKeyDetails })
    .then(({ key }) => key)
}

export async function encrypt(clients: Clients, endpoint: string, keyId: string): Promise<models.EncryptedData> {
  const encryptDataDetails = { keyId, plaintext: encoded }
  return (await clients.crypto(endpoint).encrypt({ encryptDataDetails })).encryptedData
}

/** Decrypts, and checks that what was encrypted comes out. Answers which version did it. */
export async function decrypt(
  clients: Clients,
  endpoint: string,
  keyId: string,
  ciphertext: string,
): Promise<string | null> {
  const decryptDataDetails = { keyId, ciphertext }
  const { decryptedData } = await clients.crypto(endpoint).decrypt({ decryptDataDetails })
  if (decryptedData.plaintext !== encoded) throw new TourFailure('What was decrypted is not what was encrypted.')
  return decryptedData.keyVersionId ?? null
}

const message = Buffer.from('signed in one region').toString('base64')
const signingAlgorithm = models.SignDataDetails.SigningAlgorithm.EcdsaSha256

export async function sign(clients: Clients, endpoint: string, keyId: string): Promise<models.SignedData> {
  const signDataDetails = { keyId, message, signingAlgorithm }
  return (await clients.crypto(endpoint).sign({ signDataDetails })).signedData
}

export async function verify(
  clients: Clients,
  endpoint: string,
  { keyId, keyVersionId, signature }: models.SignedData,
): Promise<boolean> {
  const algorithm = models.VerifyDataDetails.SigningAlgorithm.EcdsaSha256
  const verifyDataDetails = { keyId, keyVersionId, signature, message, signingAlgorithm: algorithm }
  return (await clients.crypto(endpoint).verify({ verifyDataDetails })).verifiedData.isSignatureValid
}

export const aes256 = { algorithm: models.KeyShape.Algorithm.Aes, length: 32 } as const
export const p256 = {
  algorithm: models.KeyShape.Algorithm.Ecdsa,
  length: 32,
  curveId: models.KeyShape.CurveId.NistP256,
} as const
