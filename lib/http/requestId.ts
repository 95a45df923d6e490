import type { RandomBytes } from '../ocid.ts'

/**
 * The answer's `opc-request-id` contains the request's, so that clients recognise it, and a part of our own, so that two
 * requests with one id are told apart (contract §7.4).
 */
export function answerRequestId(random: RandomBytes, given: string | undefined): string {
  if (given !== undefined && isAcceptable(given)) return `${given}/${hex(random, 16)}`
  const both = hex(random, 32)
  return `${both.slice(0, 32)}/${both.slice(32)}`
}

function isAcceptable(id: string): boolean {
  return /^[\x21-\x7e]{1,512}$/.test(id)
}

function hex(random: RandomBytes, length: number): string {
  return Buffer.from(random(length)).toString('hex').toUpperCase()
}
