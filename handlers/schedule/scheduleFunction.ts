import type { DestroyPorts } from '../../lib/kms/schedule/destroy.ts'
import { runDue } from '../../lib/kms/schedule/runDue.ts'

export type ScheduleFunction = () => Promise<void>

/** Called once a minute: scheduled deletions and rotations whose time has come. */
export function scheduleFunction(ports: DestroyPorts): ScheduleFunction {
  return async () => {
    const count = await runDue(ports)
    if (count > 0) ports.log.info('What fell due was done.', { count })
  }
}
