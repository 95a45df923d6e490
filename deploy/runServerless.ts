import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import type { Parameters } from './parameters.ts'

const program = createRequire(import.meta.url).resolve('serverless/bin/serverless.js')

/** Runs osls for one region with this very Node, its output going to the terminal. True where it succeeded. */
export function runServerless(
  name: 'package' | 'deploy' | 'remove',
  region: string,
  { stage, regions, homeRegion, domain, hostedZoneId }: Parameters,
  more: readonly string[] = [],
): Promise<boolean> {
  const given = {
    regions: regions.join(','),
    home: homeRegion,
    domain,
    ...(hostedZoneId === undefined ? {} : { hostedZone: hostedZoneId }),
  }
  const parameters = Object.entries(given).flatMap(([key, value]) => ['--param', `${key}=${value}`])
  const child = spawn(process.execPath, [program, name, '--stage', stage, '--region', region, ...parameters, ...more], {
    stdio: 'inherit',
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => {
      resolve(code === 0)
    })
  })
}
