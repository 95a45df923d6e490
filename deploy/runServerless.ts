import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import type { Parameters } from './parameters.ts'

export const serverlessProgram = createRequire(import.meta.url).resolve('serverless/bin/serverless.js')

/** Runs osls for one region with this very Node, its output going to the terminal. True where it succeeded. */
export function runServerless(
  name: 'package' | 'deploy' | 'remove',
  region: string,
  parameters: Parameters,
  more: readonly string[] = [],
): Promise<boolean> {
  const place = ['--stage', parameters.stage, '--region', region, ...serverlessParameters(parameters)]
  const child = spawn(process.execPath, [serverlessProgram, name, ...place, ...more], { stdio: 'inherit' })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => {
      resolve(code === 0)
    })
  })
}

/** What serverless.yml is given beside stage and region. */
export function serverlessParameters({ regions, homeRegion, domain, hostedZoneId }: Parameters): readonly string[] {
  return params({
    regions: regions.join(','),
    home: homeRegion,
    domain,
    ...(hostedZoneId === undefined ? {} : { hostedZone: hostedZoneId }),
  })
}

export function params(values: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(values).flatMap(([name, value]) => ['--param', `${name}=${value}`])
}
