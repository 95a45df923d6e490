import { isKmsError, type ErrorCode, type KmsError } from '../errors.ts'

/** The one place where an internal reason becomes a status and a code of the contract (§7.2). */
const table = {
  cannotParseRequest: [400, 'CannotParseRequest'],
  invalidParameter: [400, 'InvalidParameter'],
  missingParameter: [400, 'MissingParameter'],
  limitExceeded: [400, 'LimitExceeded'],
  notAuthenticated: [401, 'NotAuthenticated'],
  notInHomeRegion: [403, 'NotAllowed'],
  notAuthorizedOrNotFound: [404, 'NotAuthorizedOrNotFound'],
  noSuchRoute: [404, 'NotFound'],
  methodNotAllowed: [405, 'MethodNotAllowed'],
  incorrectState: [409, 'IncorrectState'],
  conflict: [409, 'Conflict'],
  invalidatedRetryToken: [409, 'InvalidatedRetryToken'],
  nameAlreadyExists: [409, 'NotAuthorizedOrResourceAlreadyExists'],
  noEtagMatch: [412, 'NoEtagMatch'],
  payloadTooLarge: [413, 'PayloadTooLarge'],
  headersTooLarge: [431, 'RequestHeaderFieldsTooLarge'],
  tooManyRequests: [429, 'TooManyRequests'],
  notImplemented: [501, 'MethodNotImplemented'],
  handOffPending: [503, 'ServiceUnavailable'],
  unavailable: [503, 'ServiceUnavailable'],
  cannotStore: [503, 'ServiceUnavailable'],
  integrityFailure: [500, 'InternalServerError'],
} as const satisfies Record<ErrorCode, readonly [number, string]>

export interface WireError {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: { readonly code: string; readonly message: string }
}

const internal: WireError = {
  status: 500,
  body: {
    code: 'InternalServerError',
    message: 'An internal error occurred; try again, and give the opc-request-id when you report it.',
  },
}

/** What a caller learns: nothing of a bug, and nothing of a row that fails its integrity check. */
export function toWireError(error: unknown): WireError {
  if (!isKmsError(error) || error.code === 'integrityFailure') return internal
  return wireError(error)
}

function wireError({ code, message, retryAfter }: KmsError): WireError {
  const [status, wireCode] = table[code]
  const headers = retryAfter === undefined ? {} : { headers: { 'retry-after': String(retryAfter) } }
  return { status, ...headers, body: { code: wireCode, message } }
}
