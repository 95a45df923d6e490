/** Path and query exactly as on the wire. */
export function exactTarget(rawPath: string, rawQuery: string): string {
  return rawQuery === '' ? rawPath : `${rawPath}?${rawQuery}`
}

/**
 * The targets a client may have signed where only the decoded path is known (AWS HTTP APIs decode `rawPath`, while
 * SDKs send `%3A` in fingerprints): as given, then with each segment percent-encoded. Give the first to `readSignature`
 * as `target`, the rest as `alternativeTargets`.
 */
export function signedTargets(decodedPath: string, rawQuery: string): readonly [string, ...string[]] {
  const query = rawQuery === '' ? '' : `?${rawQuery}`
  const encoded = encodePath(decodedPath)
  // A `?` or a byte outside ASCII was percent-encoded by the client; undecoded it would mean another target.
  if (/[^\x21-\x7e]|\?/.test(decodedPath)) return [encoded + query]
  return encoded === decodedPath ? [encoded + query] : [decodedPath + query, encoded + query]
}

function encodePath(path: string): string {
  return path.toWellFormed().split('/').map(encodeURIComponent).join('/')
}
