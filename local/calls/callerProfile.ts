import { createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { UserError } from '../../lib/userError.ts'
import type { Signer } from '../init/signedEvent.ts'

/** A profile of an OCI configuration file that signs with an API key (contract §8.6). */
export interface CallerProfile extends Signer {
  readonly region: string | undefined
}

/** @throws UserError naming the file, and what it lacks. */
export function callerProfile(file: string, profile: string): CallerProfile {
  const text = read(file)
  const values = { ...sectionOf(text, 'DEFAULT'), ...sectionOf(text, profile) }
  if (!text.includes(`[${profile}]`)) throw new UserError(`${file} has no profile [${profile}].`)
  const value = (name: string): string => {
    const found = values[name]
    if (found !== undefined && found !== '') return found
    throw new UserError(`The profile [${profile}] of ${file} has no ${name}; this signs with an API key.`)
  }
  return {
    tenancyId: value('tenancy'),
    userId: value('user'),
    fingerprint: value('fingerprint'),
    privateKeyPem: privateKeyIn(value('key_file').replace(/^~(?=\/)/, homedir()), values['pass_phrase']),
    region: values['region'],
  }
}

function sectionOf(text: string, name: string): Readonly<Record<string, string>> {
  const values: Record<string, string> = {}
  let isInside = false
  for (const line of text.split(/\r?\n/)) {
    const heading = /^\s*\[(.*)\]\s*$/.exec(line)?.[1]
    if (heading !== undefined) isInside = heading === name
    const [, key, value] = /^\s*([A-Za-z_]+)\s*=\s*(.*?)\s*$/.exec(line) ?? []
    if (isInside && key !== undefined) values[key] = value ?? ''
  }
  return values
}

function privateKeyIn(file: string, passphrase: string | undefined): string {
  try {
    const key = createPrivateKey({ key: read(file), ...(passphrase === undefined ? {} : { passphrase }) })
    return key.export({ type: 'pkcs8', format: 'pem' }) as string
  } catch (cause) {
    if (cause instanceof UserError) throw cause
    throw new UserError(`${file} does not open as a private key; is pass_phrase missing or wrong?`, { cause })
  }
}

export function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new UserError(`${file} cannot be read.`, { cause })
  }
}
