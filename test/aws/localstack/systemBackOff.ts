import type { BackOffPorts } from '../../../lib/backOff.ts'
import { pooledRandom } from '../../../lib/pooledRandom.ts'
import { systemTimers } from '../../../lib/runtime/systemTimers.ts'

export const systemBackOff: BackOffPorts = { timers: systemTimers, random: pooledRandom() }
