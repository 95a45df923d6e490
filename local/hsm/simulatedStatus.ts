import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { cutOffMigration } from './cutOffMigration.ts'
import { custodyLine, custodyTroubles } from './custody.ts'

/** Of regions whose roots are in files: all that can be said is how they stand to their custodians. */
export function simulatedStatus(data: string, regions: readonly string[]): readonly string[] {
  return regions.flatMap((region) => {
    if (!existsSync(join(data, 'hsm', `${region}.json`))) return [`  ${region}  was never started in ${data}`]
    return [
      `  ${region}  simulated: its roots are in a file`,
      ...lineOf(region, cutOffMigration(data, region)),
      ...custodyTroubles(data, region, undefined).map((trouble) => custodyLine(region, trouble)),
    ]
  })
}

function lineOf(region: string, says: string | undefined): readonly string[] {
  return says === undefined ? [] : [`  ${region}  ${says}`]
}
