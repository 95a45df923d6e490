import { ociRateLimits, type RateLimits } from '../lib/http/rateLimit.ts'
import { ociServiceLimits, type ServiceLimits } from '../lib/kms/serviceLimits.ts'
import { StartError } from './startError.ts'

/** What a cloud is run with beside its directory and ports. */
export interface CloudSettings {
  readonly host: string
  /** strict: no success without the replica; available: success, and the change is listed as at risk. */
  readonly replicationAck: 'strict' | 'available'
  /** How long an answer may wait for the replica's inbox. */
  readonly handOffBudgetMs: number
  /** In one process nothing cached is ever stale, so it may be kept long. */
  readonly keyCacheMs: number
  readonly cryptoAudit: boolean
  readonly requiresServicePolicy: boolean
  readonly preparesKeys: boolean
  /** Requests a second of a tenancy, by class; null: unlimited. */
  readonly rateLimits: RateLimits | null
  readonly serviceLimits: ServiceLimits | null
  /** Where backups are kept; undefined: in the cloud's own directory. */
  readonly backupRoot: string | undefined
  /** Hosts of pre-authenticated URIs that backups may go to and come from. */
  readonly backupUriHosts: readonly string[]
}

export const defaultSettings: CloudSettings = {
  host: '127.0.0.1',
  replicationAck: 'available',
  handOffBudgetMs: 1000,
  keyCacheMs: 60_000,
  cryptoAudit: true,
  requiresServicePolicy: true,
  preparesKeys: true,
  rateLimits: null,
  serviceLimits: null,
  backupRoot: undefined,
  backupUriHosts: [],
}

/** REPLICATION_ACK, HANDOFF_BUDGET_MS, KEY_CACHE_MS, CRYPTO_AUDIT, REQUIRE_SERVICE_POLICY, PREPARE_KEYS, RATE_LIMITS, SERVICE_LIMITS, BACKUP_ROOT, BACKUP_URI_HOSTS. @throws StartError naming the variable. */
export function settingsFromEnvironment(environment: NodeJS.ProcessEnv): CloudSettings {
  const choice = <T extends string>(name: string, allowed: readonly T[], otherwise: T): T => {
    const value = environment[name]
    if (value === undefined || value === '') return otherwise
    const found = allowed.find((each) => each === value)
    if (found === undefined) throw new StartError(`${name} is "${value}"; it takes ${allowed.join(' or ')}.`)
    return found
  }
  const milliseconds = (name: string, otherwise: number): number => {
    const value = environment[name]
    if (value === undefined || value === '') return otherwise
    if (!/^\d{1,7}$/.test(value))
      throw new StartError(`${name} is "${value}"; it takes a whole number of milliseconds.`)
    return Number(value)
  }
  return {
    ...defaultSettings,
    replicationAck: choice('REPLICATION_ACK', ['available', 'strict'], 'available'),
    handOffBudgetMs: milliseconds('HANDOFF_BUDGET_MS', defaultSettings.handOffBudgetMs),
    keyCacheMs: milliseconds('KEY_CACHE_MS', defaultSettings.keyCacheMs),
    cryptoAudit: choice('CRYPTO_AUDIT', ['on', 'off'], 'on') === 'on',
    requiresServicePolicy: choice('REQUIRE_SERVICE_POLICY', ['on', 'off'], 'on') === 'on',
    preparesKeys: choice('PREPARE_KEYS', ['on', 'off'], 'on') === 'on',
    rateLimits: choice('RATE_LIMITS', ['on', 'off'], 'off') === 'on' ? ociRateLimits : null,
    serviceLimits: limits(environment['SERVICE_LIMITS']),
    backupRoot: environment['BACKUP_ROOT'] === '' ? undefined : environment['BACKUP_ROOT'],
    backupUriHosts: (environment['BACKUP_URI_HOSTS'] ?? '').split(',').flatMap((host) => host.trim() || []),
  }
}

/** `off`, `on` (those of a new tenancy at OCI), or these with some changed: `privateVaults=5,virtualVaults=20`. */
function limits(text = 'off'): ServiceLimits | null {
  if (text === '' || text === 'off') return null
  if (text === 'on') return ociServiceLimits
  const changed = text.split(',').map((part) => {
    const [name = '', value = ''] = part.split('=').map((side) => side.trim())
    if (!(name in ociServiceLimits) || !/^\d{1,9}$/.test(value)) {
      const names = Object.keys(ociServiceLimits).join(', ')
      throw new StartError(`SERVICE_LIMITS takes on, off, or NAME=NUMBER pairs of ${names}; "${part}" is none.`)
    }
    return [name, Number(value)] as const
  })
  return { ...ociServiceLimits, ...Object.fromEntries(changed) }
}
