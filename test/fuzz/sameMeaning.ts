import type { Original, Sent } from './signedForm.ts'

/**
 * The oracle, which knows nothing of how requests are verified: whoever signed `original` has said what `sent` says. That is so
 * where method, target and body are the same bytes, every header that was signed has the same value, and the signature is shown for
 * the same signer. What was not signed may be anything: other headers, and how Authorization writes its parameters.
 */
export function hasSameMeaning(sent: Sent, original: Original): boolean {
  const { headers } = sent
  return (
    sent.method === original.method &&
    sent.path === original.path &&
    sent.query === original.query &&
    sent.body.equals(original.body) &&
    original.signedNames.every((name) => name.startsWith('(') || headers[name] === original.headers[name]) &&
    // A forger may write around them whatever they like, but these two stand there, whole.
    (headers['authorization'] ?? '').includes(`"${original.keyId}"`) &&
    (headers['authorization'] ?? '').includes(`"${original.signature}"`)
  )
}
