import { createPublicKey } from 'node:crypto'

/**
 * A library that uses OpenSSL has this process's: what failed in it stays in a list of this thread's, and node:crypto takes it
 * for a failure of the next private key that it reads. To read what is no key empties that list.
 */
export function forgetErrors(): void {
  try {
    createPublicKey('')
  } catch (cause) {
    if (!Error.isError(cause)) throw cause
  }
}
