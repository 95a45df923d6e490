import type { RandomBytes } from '../ocid.ts'

/**
 * The answer's `opc-request-id` contains the request's, so that clients recognise it, and a part of our own, so that two
 * requests with one id are told apart (contract §7.4).
 */
export function answerRequestId(random: RandomBytes, given: string | undefined): string {
  return `${given !== undefined && isAcceptable(given) ? given : hex(random)}/${hex(random)}`
}

function isAcceptable(id: string): boolean {
  return /^[\x21-\x7e]{1,512}$/.test(id)
}

function hex(random: RandomBytes): string {
  return Buffer.from(random(16)).toString('hex').toUpperCase()
}
