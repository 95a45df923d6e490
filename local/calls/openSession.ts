import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { join, resolve } from 'node:path'
import { writeFileDurably } from '../../lib/durableFile.ts'
import { fingerprint } from '../../lib/iam/signature/fingerprint.ts'
import { UserError } from '../../lib/userError.ts'
import { callService, send, type Answer } from './callService.ts'
import { callerProfile, read } from './callerProfile.ts'
import { servicePlace, type PlaceFlags } from './servicePlace.ts'
import { makeFolder } from '../makeFolder.ts'

export interface SessionFlags extends PlaceFlags {
  readonly configFile?: string
  readonly profile: string
  readonly minutes: number
  readonly oidcTokenFile?: string
  readonly tenancy?: string
  readonly region?: string
  readonly out?: string
}

export interface OpenedSession {
  /** The configuration file with the session's profile, which is its DEFAULT. */
  readonly config: string
  readonly timeExpires: string
  readonly principal: string
}

/** Makes a pair for a session, has the service vouch for it, and writes a profile that SDKs sign with. @throws UserError */
export async function openSession(flags: SessionFlags): Promise<OpenedSession> {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  const asked = { publicKey, lifetimeInSeconds: Math.round(flags.minutes * 60) }
  const { answer, tenancyId, region } = await (flags.oidcTokenFile === undefined
    ? byApiKey(flags, asked)
    : byToken(flags, flags.oidcTokenFile, asked))
  const directory = resolve(flags.out ?? join(flags.data, 'oci', 'session'))
  makeFolder(directory)
  const [config, keyFile, tokenFile] = ['config', 'session.pem', 'token'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ]
  const lines = [
    '[DEFAULT]',
    `tenancy=${tenancyId}`,
    `region=${region}`,
    `fingerprint=${fingerprint(createPublicKey(publicKey))}`,
    `key_file=${keyFile}`,
    `security_token_file=${tokenFile}`,
    '',
  ]
  // The last line is the label that OCI's CLI asks for.
  writeFileDurably(keyFile, `${privateKey}OCI_API_KEY\n`, { mode: 0o600 })
  // Clients take the file as it is: no line ends it.
  writeFileDurably(tokenFile, textIn(answer, 'token'), { mode: 0o600 })
  writeFileDurably(config, lines.join('\n'), { mode: 0o600 })
  return { config, timeExpires: textIn(answer, 'timeExpires'), principal: textIn(answer, 'principalName') }
}

interface Asked {
  readonly answer: Answer
  readonly tenancyId: string
  readonly region: string
}

async function byApiKey(flags: SessionFlags, asked: object): Promise<Asked> {
  const place = await servicePlace(flags)
  const file = flags.configFile ?? process.env['OCI_CONFIG_FILE'] ?? join(flags.data, 'oci', 'config')
  const profile = callerProfile(file, flags.profile)
  const answer = await callService(profile, 'POST', `${place.endpoint}/20160918/sessionTokens`, asked)
  const region = flags.region ?? place.region ?? profile.region
  return { answer, tenancyId: profile.tenancyId, region: needed(region, '--region') }
}

async function byToken(flags: SessionFlags, tokenFile: string, asked: object): Promise<Asked> {
  const place = await servicePlace(flags)
  const tenancyId = needed(flags.tenancy ?? place.tenancyId, '--tenancy')
  const region = needed(flags.region ?? place.region, '--region')
  const url = `${place.endpoint}/20160918/tenancies/${tenancyId}/actions/exchangeToken`
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${read(tokenFile).trim()}` }
  const answer = await send(url, { method: 'POST', headers, body: JSON.stringify(asked) })
  return { answer, tenancyId, region }
}

function needed(value: string | undefined, flag: string): string {
  if (value !== undefined && value !== '') return value
  throw new UserError(`Give ${flag}: nothing else here says it.`)
}

function textIn(answer: Answer, name: string): string {
  const value = answer[name]
  if (typeof value === 'string') return value
  throw new UserError(`The service answered without ${name}; is it an older version?`)
}
