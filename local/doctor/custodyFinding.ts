import type { CustodyTrouble } from '../hsm/custody.ts'
import { fail, warn, type Finding } from './finding.ts'

/** A backup that is due is nothing that has failed. */
export function custodyFinding(region: string, { kind, says, remedy }: CustodyTrouble): Finding {
  return (kind === 'backupIsDue' ? warn : fail)(`${region}: ${says}`, remedy)
}
