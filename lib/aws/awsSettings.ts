import { regionSettings, type RegionSettings } from '../runtime/regionSettings.ts'
import type { LogLevel } from '../runtime/jsonLogger.ts'
import { requiredVariable } from './requiredVariable.ts'
import { UserError } from '../userError.ts'

/** What serverless.yml tells a function. */
export interface AwsSettings extends RegionSettings {
  readonly region: string
  readonly regions: readonly string[]
  readonly homeRegion: string
  /** Of every table's and queue's name: `vaultspan-{stage}`. */
  readonly resourcePrefix: string
  readonly accountId: string
  readonly domain: string
  readonly endpointPortBase: number | undefined
  /** The bucket of all regions' backups, in the home region. */
  readonly backupBucket: string
  /** The key of AWS KMS that wraps vaults' KEKs. */
  readonly vaultKeksKey: string
  readonly logLevel: LogLevel
  /** After so many days DynamoDB removes an audit event. */
  readonly auditRetentionDays: number
}

const logLevels: readonly LogLevel[] = ['info', 'warn', 'error', 'silent']

/** @throws UserError naming the variable that is missing or wrong. */
export function awsSettings(environment: NodeJS.ProcessEnv): AwsSettings {
  const required = (name: string) => requiredVariable(environment, name)
  const region = required('AWS_REGION')
  const regions = required('REGIONS').split(',')
  const homeRegion = required('HOME_REGION')
  for (const [name, each] of Object.entries({ AWS_REGION: region, HOME_REGION: homeRegion })) {
    if (!regions.includes(each)) throw new UserError(`${name} is "${each}", which is not among REGIONS.`)
  }
  const level = environment['LOG_LEVEL'] ?? 'warn'
  const logLevel = logLevels.find((each) => each === level)
  if (logLevel === undefined) throw new UserError(`LOG_LEVEL is "${level}"; it takes ${logLevels.join(', ')}.`)
  return {
    ...regionSettings(environment, { keyCacheMs: 1000, rateLimits: 'on' }),
    region,
    regions,
    homeRegion,
    resourcePrefix: required('RESOURCE_PREFIX'),
    accountId: required('ACCOUNT_ID'),
    domain: required('DOMAIN'),
    endpointPortBase: portBase(environment['ENDPOINT_PORT_BASE']),
    backupBucket: required('BACKUP_BUCKET'),
    vaultKeksKey: required('VAULT_KEKS_KEY'),
    logLevel,
    auditRetentionDays: days(environment['AUDIT_RETENTION_DAYS']),
  }
}

/** OCI keeps audit events for a year. */
function days(text = '365'): number {
  if (/^[1-9]\d{0,4}$/.test(text)) return Number(text)
  throw new UserError(`AUDIT_RETENTION_DAYS is "${text}"; it takes a whole number of days from 1 to 99999.`)
}

function portBase(text = ''): number | undefined {
  if (text === '') return undefined
  const port = Number(text)
  if (/^\d+$/.test(text) && port > 0 && port <= 65_000) return port
  throw new UserError(`ENDPOINT_PORT_BASE is "${text}"; it takes a port from 1 to 65000.`)
}
