import { readFileSync } from 'node:fs'
import { UserError } from '../lib/userError.ts'

/** Another service that runs on this machine, measured with ours in one run. */
export interface Peer {
  readonly name: string
  /** Its encryption of 32 bytes. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: object
  /** Of its process; without it its processor time is not measured. */
  readonly pid?: number
}

/** What the issue of speed asks of ours beside a peer of that name: so many times its requests a second. */
export const wanted: Readonly<Record<string, Readonly<Record<number, number>>>> = {
  openbao: { 1: 1.5, 16: 2, 64: 2 },
  'floci-oci': { 16: 1, 64: 1 },
}

/** `NAME=FILE`, added to those before it. */
export function peerOf(text: string, before: readonly Peer[] = []): readonly Peer[] {
  const [, name, file] = /^([^=]+)=(.+)$/.exec(text) ?? []
  if (name === undefined || file === undefined) throw new UserError(`A peer is NAME=FILE, and this is ${text}.`)
  return [...before, { name, ...read(file) }]
}

function read(file: string): Omit<Peer, 'name'> {
  try {
    const { url, headers = {}, body, pid } = JSON.parse(readFileSync(file, 'utf8')) as Partial<Peer>
    if (url !== undefined && URL.canParse(url) && typeof body === 'object')
      return { url, headers, body, ...(pid === undefined ? {} : { pid }) }
  } catch (cause) {
    throw new UserError(`${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`)
  }
  throw new UserError(`${file} says no request: it takes { "url", "headers", "body", "pid" }.`)
}
