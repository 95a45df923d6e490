/** What a region is run with on every host. */
export interface RegionSettings {
  /** strict: no success without the replica; available: success, and the change is listed as at risk. */
  readonly replicationAck: 'strict' | 'available'
  /** How long an answer may wait for the replica's inbox. */
  readonly handOffBudgetMs: number
  /** How stale what a process has cached may be. */
  readonly keyCacheMs: number
  readonly cryptoAudit: boolean
  readonly requiresServicePolicy: boolean
}

/** One line that names the variable. */
export class SettingError extends Error {}

/** REPLICATION_ACK, HANDOFF_BUDGET_MS, KEY_CACHE_MS, CRYPTO_AUDIT, REQUIRE_SERVICE_POLICY. @throws SettingError. */
export function regionSettings(
  environment: NodeJS.ProcessEnv,
  defaults: { readonly keyCacheMs: number },
): RegionSettings {
  const choice = <T extends string>(name: string, allowed: readonly T[], otherwise: T): T => {
    const value = environment[name]
    if (value === undefined || value === '') return otherwise
    const found = allowed.find((each) => each === value)
    if (found === undefined) throw new SettingError(`${name} is "${value}"; it takes ${allowed.join(' or ')}.`)
    return found
  }
  const milliseconds = (name: string, otherwise: number): number => {
    const value = environment[name]
    if (value === undefined || value === '') return otherwise
    if (!/^\d{1,7}$/.test(value))
      throw new SettingError(`${name} is "${value}"; it takes a whole number of milliseconds.`)
    return Number(value)
  }
  return {
    replicationAck: choice('REPLICATION_ACK', ['available', 'strict'], 'available'),
    handOffBudgetMs: milliseconds('HANDOFF_BUDGET_MS', 1000),
    keyCacheMs: milliseconds('KEY_CACHE_MS', defaults.keyCacheMs),
    cryptoAudit: choice('CRYPTO_AUDIT', ['on', 'off'], 'on') === 'on',
    requiresServicePolicy: choice('REQUIRE_SERVICE_POLICY', ['on', 'off'], 'on') === 'on',
  }
}
