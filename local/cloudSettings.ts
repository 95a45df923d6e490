import type { Reached } from './names/advertised.ts'
import type { CertificateFiles } from './tls/certificateFiles.ts'
import { tokenSettings, type TokenSettings } from './hsm/tokenSettings.ts'
import { UserError } from '../lib/userError.ts'
import { regionSettings, type RegionSettings } from '../lib/runtime/regionSettings.ts'

/** What a cloud is run with beside its directory and ports. */
export interface CloudSettings extends RegionSettings, Reached {
  /** null: no TLS. */
  readonly certificate: CertificateFiles | null
  /** Names, without ports, under which a proxy leads here. */
  readonly hostNames: readonly string[]
  /** Null: every region's HSM is simulated. */
  readonly tokens: TokenSettings | null
  /** How long a worker may stand still before it is ended and another started. */
  readonly workerPatienceMs: number
}

/** In one process nothing cached is ever stale, so it may be kept long. */
const defaults = { keyCacheMs: 60_000, rateLimits: 'off' } as const

export const defaultSettings: CloudSettings = {
  host: '127.0.0.1',
  advertised: null,
  certificate: null,
  hostNames: [],
  tokens: null,
  workerPatienceMs: 10_000,
  ...regionSettings({}, defaults),
}

/** @throws UserError naming the variable. */
export function settingsFromEnvironment(environment: NodeJS.ProcessEnv): CloudSettings {
  const hostNames = (environment['HOST_NAMES'] ?? '').split(',').flatMap((name) => name.trim() || [])
  const workerPatienceMs = patienceOf(environment['WORKER_PATIENCE_MS'])
  return {
    ...defaultSettings,
    hostNames,
    workerPatienceMs,
    tokens: tokenSettings(environment),
    ...regionSettings(environment, defaults),
  }
}

function patienceOf(text = ''): number {
  if (text === '') return defaultSettings.workerPatienceMs
  // Below a second a worker that collects its garbage would be ended.
  if (/^\d{4,6}$/.test(text) && Number(text) >= 1_000) return Number(text)
  throw new UserError(`WORKER_PATIENCE_MS is "${text}"; it takes milliseconds from 1000 to 999999.`)
}
