import type { APIGatewayProxyEventV2 } from 'aws-lambda'
import { KmsError } from '../errors.ts'

/** A request as every host delivers it: the event of an API Gateway HTTP API, payload format 2.0. */
export type HttpEvent = Pick<
  APIGatewayProxyEventV2,
  'rawPath' | 'rawQueryString' | 'headers' | 'body' | 'isBase64Encoded'
> & {
  readonly requestContext: {
    readonly http: Pick<APIGatewayProxyEventV2['requestContext']['http'], 'method' | 'sourceIp'>
    /** Where it came in, if the host has several ports; never what the Host header says. */
    readonly listenerPort?: number
  }
}

export interface HttpResponse {
  readonly statusCode: number
  readonly headers: Record<string, string>
  readonly body: string
}

/** Of every answer: what carries plaintext may not be kept by any cache. */
export const noStore = { 'cache-control': 'no-cache, no-store, no-transform, must-revalidate' } as const

export interface WireRequest {
  readonly method: string
  /** Without the query, as the host gave it. */
  readonly rawPath: string
  readonly rawQuery: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Buffer
  readonly sourceIp: string
  readonly listenerPort: number | undefined
}

/** JSON bodies; contract §7.2. */
export const maxBodyBytes = 64 * 1024
/** A Lambda event has at most 6 MB, and carries a file as base64 (contract §7.2). */
export const maxLambdaFileBytes = 4 * 1024 * 1024
export const maxHeaderBytes = 16 * 1024

export function toWireRequest(event: HttpEvent): WireRequest {
  const { http, listenerPort } = event.requestContext
  const body = event.body === undefined ? empty : Buffer.from(event.body, event.isBase64Encoded ? 'base64' : 'utf8')
  return {
    method: http.method,
    rawPath: event.rawPath,
    rawQuery: event.rawQueryString,
    headers: event.headers,
    body,
    sourceIp: http.sourceIp,
    listenerPort,
  }
}

const empty = Buffer.alloc(0)

/**
 * A query's members. `+` is a space, as form encoding has it.
 * @throws KmsError invalidParameter for a member that stands twice, and for what is not percent-encoded UTF-8.
 */
export function parseQuery(rawQuery: string): Readonly<Record<string, string>> {
  if (rawQuery === '') return none
  const members = new Map<string, string>()
  for (const pair of rawQuery.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decoded(equals < 0 ? pair : pair.slice(0, equals))
    if (members.has(name)) {
      const which = plainName.test(name) ? name : 'A parameter'
      throw new KmsError('invalidParameter', `${which} stands twice in the query; give each once.`)
    }
    members.set(name, equals < 0 ? '' : decoded(pair.slice(equals + 1)))
  }
  return Object.fromEntries(members)
}

const none: Readonly<Record<string, string>> = {}
/** What may be said of a caller's own words. */
export const plainName = /^[\w.-]{1,64}$/
const ascii = /^[\x21-\x7e]*$/

function decoded(text: string): string {
  try {
    // A byte beyond ASCII came as the character of its number.
    if (ascii.test(text)) return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    // As below.
  }
  throw new KmsError('invalidParameter', 'The query is not percent-encoded UTF-8.')
}
