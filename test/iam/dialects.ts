/** How a client writes its signature (contract §8.4). */
export interface Dialect {
  readonly date: 'date' | 'x-date'
  readonly order: readonly ('version' | 'keyId' | 'algorithm' | 'headers' | 'signature')[]
  readonly headers: string
  readonly contentHeaders: string
}

const lowerCaseContent = ' content-length content-type x-content-sha256'

export const dialects = {
  typescript: {
    date: 'x-date',
    order: ['version', 'keyId', 'algorithm', 'headers', 'signature'],
    headers: 'x-date (request-target) host',
    contentHeaders: ' Content-Type Content-Length x-content-sha256',
  },
  python: {
    date: 'date',
    order: ['algorithm', 'headers', 'keyId', 'signature', 'version'],
    headers: 'date (request-target) host',
    contentHeaders: lowerCaseContent,
  },
  go: {
    date: 'date',
    order: ['version', 'headers', 'keyId', 'algorithm', 'signature'],
    headers: 'date (request-target) host',
    contentHeaders: lowerCaseContent,
  },
  java: {
    date: 'date',
    order: ['headers', 'keyId', 'algorithm', 'signature', 'version'],
    headers: 'date (request-target) host',
    contentHeaders: lowerCaseContent,
  },
} as const satisfies Record<string, Dialect>

export type DialectName = keyof typeof dialects
