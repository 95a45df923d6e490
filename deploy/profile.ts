import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { UserError } from '../lib/userError.ts'

export interface Profile {
  readonly name: string
  readonly tenancyId: string
  readonly userId: string
  readonly fingerprint: string
  readonly region: string
  /** Undefined: the reader's to add. */
  readonly keyFile: string | undefined
}

/** A profile of an OCI configuration file, under a name of its own. */
export function profileText({ name, tenancyId, userId, fingerprint, region, keyFile }: Profile): string {
  return [
    `[${name}]`,
    `user=${userId}`,
    `fingerprint=${fingerprint}`,
    `tenancy=${tenancyId}`,
    `region=${region}`,
    ...(keyFile === undefined ? [] : [`key_file=${resolve(keyFile)}`]),
    '',
  ].join('\n')
}

/**
 * Adds the profile to a file and touches nothing else in it; the same profile again changes nothing.
 * @throws UserError where the file has another profile of that name.
 */
export function addProfile(file: string, profile: Profile): void {
  const text = profileText(profile)
  const before = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const section = sectionOf(before, profile.name)
  if (section !== undefined) {
    if (section.trim() === text.trim()) return
    throw new UserError(
      `${file} has another profile [${profile.name}] and was left as it is. The tenancy is provisioned; its profile:\n${text}`,
    )
  }
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const gap = before === '' ? '' : before.endsWith('\n') ? '\n' : '\n\n'
  appendFileSync(file, gap + text, { mode: 0o600 })
}

function sectionOf(text: string, name: string): string | undefined {
  const lines = text.split(/\r?\n/)
  const first = lines.findIndex((line) => line.trim() === `[${name}]`)
  if (first < 0) return undefined
  const next = lines.findIndex((line, index) => index > first && line.trim().startsWith('['))
  return lines.slice(first, next < 0 ? undefined : next).join('\n')
}
