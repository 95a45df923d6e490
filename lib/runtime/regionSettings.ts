import { ociRateLimits, type RateLimits } from '../http/rateLimit.ts'
import { ociServiceLimits, type ServiceLimits } from '../kms/usage/serviceLimits.ts'
import { UserError } from '../userError.ts'

/** What a region is run with on every host. */
export interface RegionSettings {
  /** strict: no success without the replica; available: success, and the change is listed as at risk. */
  readonly replicationAck: 'strict' | 'available'
  /** How long an answer may wait for the replica's inbox. */
  readonly handOffBudgetMs: number
  /** How long a replica waits for what has arrived and is not stored yet, before it refuses for want of it. */
  readonly arrivalsMs: number
  /** How stale what a process has cached may be: keys, vaults, policies and API keys. */
  readonly keyCacheMs: number
  readonly cryptoAudit: 'on' | 'off' | 'required'
  readonly requiresServicePolicy: boolean
  /** Whether wrapping keys and backup keys are made in the background. */
  readonly preparesKeys: boolean
  /** Requests a second of a tenancy, by class; null: unlimited. */
  readonly rateLimits: RateLimits | null
  readonly serviceLimits: ServiceLimits | null
  /** Where backups are kept; undefined: the host's own place. */
  readonly backupRoot: string | undefined
  /** Hosts of pre-authenticated URIs that backups may go to and come from. */
  readonly backupUriHosts: readonly string[]
  /** Hosts where trusted issuers' keys are fetched, beside those of GitHub, GitLab and Google. */
  readonly issuerHosts: readonly string[]
}

/** One environment variable a setting (docs/operating.md). @throws UserError naming the variable. */
export function regionSettings(
  environment: NodeJS.ProcessEnv,
  defaults: { readonly keyCacheMs: number; readonly rateLimits: 'on' | 'off' },
): RegionSettings {
  const choice = <T extends string>(name: string, allowed: readonly T[], otherwise: T): T => {
    const value = environment[name]
    if (value === undefined || value === '') return otherwise
    const found = allowed.find((each) => each === value)
    if (found === undefined) throw new UserError(`${name} is "${value}"; it takes ${allowed.join(' or ')}.`)
    return found
  }
  const milliseconds = (name: string, otherwise: number): number => {
    const value = environment[name]
    if (value === undefined || value === '') return otherwise
    if (!/^\d{1,7}$/.test(value)) throw new UserError(`${name} is "${value}"; it takes a whole number of milliseconds.`)
    return Number(value)
  }
  return {
    replicationAck: choice('REPLICATION_ACK', ['available', 'strict'], 'available'),
    handOffBudgetMs: milliseconds('HANDOFF_BUDGET_MS', 1000),
    arrivalsMs: milliseconds('ARRIVALS_MS', 250),
    keyCacheMs: milliseconds('KEY_CACHE_MS', defaults.keyCacheMs),
    cryptoAudit: choice('CRYPTO_AUDIT', ['on', 'off', 'required'], 'on'),
    requiresServicePolicy: choice('REQUIRE_SERVICE_POLICY', ['on', 'off'], 'on') === 'on',
    preparesKeys: choice('PREPARE_KEYS', ['on', 'off'], 'on') === 'on',
    rateLimits: choice('RATE_LIMITS', ['on', 'off'], defaults.rateLimits) === 'on' ? ociRateLimits : null,
    serviceLimits: limits(environment['SERVICE_LIMITS']),
    backupRoot: environment['BACKUP_ROOT'] === '' ? undefined : environment['BACKUP_ROOT'],
    backupUriHosts: hostsIn(environment['BACKUP_URI_HOSTS']),
    issuerHosts: hostsIn(environment['ISSUER_HOSTS']),
  }
}

function hostsIn(text = ''): readonly string[] {
  return text.split(',').flatMap((host) => host.trim() || [])
}

/** `off`, `on` (those of a new tenancy at OCI), or these with some changed: `privateVaults=5,virtualVaults=20`. */
function limits(text = 'off'): ServiceLimits | null {
  if (text === '' || text === 'off') return null
  if (text === 'on') return ociServiceLimits
  const changed = text.split(',').map((part) => {
    const [name = '', value = ''] = part.split('=').map((side) => side.trim())
    if (!(name in ociServiceLimits) || !/^\d{1,9}$/.test(value)) {
      const names = Object.keys(ociServiceLimits).join(', ')
      throw new UserError(`SERVICE_LIMITS takes on, off, or NAME=NUMBER pairs of ${names}; "${part}" is none.`)
    }
    return [name, Number(value)] as const
  })
  return { ...ociServiceLimits, ...Object.fromEntries(changed) }
}
