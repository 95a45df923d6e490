import { textFromBytes } from '../../textFromBytes.ts'
import { KmsError } from '../../errors.ts'

/** The text of a stream, of which at most `maxBytes` and one chunk are ever held. @throws KmsError payloadTooLarge. */
export async function boundedText(chunks: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string> {
  const kept: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of chunks) {
    bytes += chunk.length
    if (bytes > maxBytes) throw tooLarge(maxBytes)
    kept.push(chunk)
  }
  return requireUtf8(Buffer.concat(kept))
}

/** @throws KmsError invalidParameter for what no backup can be. */
export function requireUtf8(bytes: Buffer): string {
  const text = textFromBytes(bytes)
  if (text === undefined) throw new KmsError('invalidParameter', 'What is there is no backup: it is not UTF-8.')
  return text
}

export function tooLarge(maxBytes: number): KmsError {
  return new KmsError('payloadTooLarge', `A backup has at most ${maxBytes} bytes.`)
}
