import { handOffBudgetMs } from './handOffBudget.ts'
import type { Parameters } from './parameters.ts'

/** What stages.json says of how functions behave. */
interface FunctionSettings {
  readonly replicationAck: string
  readonly rateLimits: string
  readonly serviceLimits: string
  readonly backupUriHosts: string
  readonly issuerHosts: string
  readonly cryptoAudit: string
  readonly logLevel: string
  readonly keyCacheMs: number
  readonly auditRetentionDays: number
  /** `auto`: as the farthest peer needs it. */
  readonly handOffBudgetMs: number | 'auto'
}

interface Place extends Pick<Parameters, 'regions' | 'homeRegion' | 'domain'> {
  readonly prefix: string
  readonly region: string
  readonly peers: readonly string[]
  readonly accountId: unknown
  readonly backupBucket: unknown
  readonly vaultKeksKey: unknown
  /** Of emulators; empty on AWS. */
  readonly endpointPortBase: string
}

/** The environment of every function (lib/aws/awsSettings.ts reads it). */
export function environmentOf(place: Place, settings: FunctionSettings): Readonly<Record<string, unknown>> {
  const { region, peers } = place
  const budget = settings.handOffBudgetMs === 'auto' ? handOffBudgetMs(region, peers) : settings.handOffBudgetMs
  return {
    RESOURCE_PREFIX: place.prefix,
    ACCOUNT_ID: place.accountId,
    REGIONS: place.regions.join(','),
    HOME_REGION: place.homeRegion,
    DOMAIN: place.domain,
    ENDPOINT_PORT_BASE: place.endpointPortBase,
    REPLICATION_ACK: settings.replicationAck,
    RATE_LIMITS: settings.rateLimits,
    SERVICE_LIMITS: settings.serviceLimits,
    BACKUP_BUCKET: place.backupBucket,
    VAULT_KEKS_KEY: place.vaultKeksKey,
    BACKUP_URI_HOSTS: settings.backupUriHosts,
    ISSUER_HOSTS: settings.issuerHosts,
    CRYPTO_AUDIT: settings.cryptoAudit,
    AUDIT_RETENTION_DAYS: String(settings.auditRetentionDays),
    LOG_LEVEL: settings.logLevel,
    KEY_CACHE_MS: String(settings.keyCacheMs),
    HANDOFF_BUDGET_MS: String(budget),
  }
}
