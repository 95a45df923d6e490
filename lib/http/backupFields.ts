import { hash } from 'node:crypto'
import * as v from 'valibot'
import type { BackupPlace } from '../kms/backup/backupPlace.ts'
import { textFromBytes } from '../textFromBytes.ts'
import { KmsError } from '../errors.ts'
import type { Request } from './operation.ts'

const name = v.pipe(v.string(), v.minLength(1, 'at least 1 character'), v.maxLength(1024, 'at most 1024 characters'))

/** Where a backup goes or comes from (contract §3.4). */
export const backupLocation = v.variant('destination', [
  v.object({ destination: v.literal('BUCKET'), namespace: name, bucketName: name, objectName: name }),
  v.object({
    destination: v.literal('PRE_AUTHENTICATED_REQUEST_URI'),
    uri: v.pipe(v.string(), v.minLength(1, 'at least 1 character'), v.maxLength(4096, 'at most 4096 characters')),
  }),
])

/** The text at the place a restore names. @throws KmsError missingParameter, invalidParameter or notAuthorizedOrNotFound. */
export async function backupAt(request: Request, place: BackupPlace | null | undefined): Promise<string> {
  if (place == null) throw new KmsError('missingParameter', 'backupLocation is missing.')
  const text = await request.ports.backups.read(request.caller.principal.tenancyId, place)
  if (text !== undefined) return text
  throw new KmsError('invalidParameter', 'There is no backup at this backupLocation.')
}

export interface RestoredFile {
  readonly text: string
  /** Base64 MD5 of the file, for the header `opc-content-md5`. */
  readonly md5: string
}

/** A restore's body. @throws KmsError invalidParameter where it is not what `content-md5` says. */
export function restoredFile({ headers }: Request, body: unknown): RestoredFile {
  // INVARIANT: the pipeline gives the body of a file route as bytes.
  const bytes = body as Buffer
  const md5 = hash('md5', bytes, 'base64')
  const expected = headers['content-md5']
  if (expected !== undefined && expected !== md5) {
    throw new KmsError('invalidParameter', 'content-md5 does not match the body; send the file again.')
  }
  const text = textFromBytes(bytes)
  if (text === undefined)
    throw new KmsError('invalidParameter', 'The body is not UTF-8; send the file as it was saved.')
  return { text, md5 }
}
