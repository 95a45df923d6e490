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
}

export const defaultSettings: CloudSettings = {
  host: '127.0.0.1',
  replicationAck: 'available',
  handOffBudgetMs: 1000,
  keyCacheMs: 60_000,
  cryptoAudit: true,
  requiresServicePolicy: true,
}

/** REPLICATION_ACK, HANDOFF_BUDGET_MS, KEY_CACHE_MS, CRYPTO_AUDIT, REQUIRE_SERVICE_POLICY. @throws StartError naming the variable. */
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
  }
}
