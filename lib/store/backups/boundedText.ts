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
  return Buffer.concat(kept).toString('utf8')
}

export function tooLarge(maxBytes: number): KmsError {
  return new KmsError('payloadTooLarge', `A backup has at most ${maxBytes} bytes.`)
}
