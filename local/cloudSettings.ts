import { regionSettings, SettingError, type RegionSettings } from '../lib/runtime/regionSettings.ts'
import { StartError } from './startError.ts'

/** What a cloud is run with beside its directory and ports. */
export interface CloudSettings extends RegionSettings {
  readonly host: string
}

/** In one process nothing cached is ever stale, so it may be kept long. */
const defaults = { keyCacheMs: 60_000, rateLimits: 'off' } as const

export const defaultSettings: CloudSettings = { host: '127.0.0.1', ...regionSettings({}, defaults) }

/** @throws StartError naming the variable. */
export function settingsFromEnvironment(environment: NodeJS.ProcessEnv): CloudSettings {
  try {
    return { ...defaultSettings, ...regionSettings(environment, defaults) }
  } catch (cause) {
    throw cause instanceof SettingError ? new StartError(cause.message) : cause
  }
}
