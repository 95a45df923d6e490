import type { LogLevel } from '../../lib/runtime/jsonLogger.ts'
import type { RateLimits } from '../../lib/http/rateLimit.ts'
import type { ServiceLimits } from '../../lib/kms/usage/serviceLimits.ts'

import type { RsaGenerator } from '../../lib/hsm/software/material.ts'

export interface TestCloudOptions {
  readonly isStrict?: boolean
  readonly logLevel?: LogLevel
  /** Takes the log's lines instead of the standard error. */
  readonly writeLog?: (line: string) => void
  readonly keyCacheMs?: number
  readonly preparesKeys?: boolean
  readonly rateLimits?: RateLimits
  readonly cryptoAudit?: 'on' | 'off' | 'required'
  readonly serviceLimits?: ServiceLimits
  readonly generateRsa?: RsaGenerator
  /** As on AWS: KEKs are under a key service, and no call finds what another has opened. */
  readonly isUnderKms?: boolean
}
