import { existsSync, readFileSync } from 'node:fs'
import { messageOf } from '../../lib/userError.ts'
import { parseJson } from '../../lib/parseJson.ts'
import { hasToken, requireOwnToken, requireTokenRegions, tokenSettings } from '../hsm/tokenSettings.ts'
import { custodyFinding } from './custodyFinding.ts'
import { fail, ok, warn, type Finding } from './finding.ts'
import type { Patient } from './patient.ts'

const remedy = 'vaultspan hsm status shows the same; docs/hsm.md, When the token fails, says what helps.'

const migrateRemedy =
  'With the service stopped, and HSM=pkcs11 and its variables set: docs/hsm.md, From a simulated region into a token.'

/** Of a service that is stopped: whether its tokens would let it start. One that runs is asked for its health. */
export async function tokensCheck(
  { data, stored, status, file }: Pick<Patient, 'data' | 'stored' | 'status' | 'file'>,
  environment = process.env,
): Promise<readonly Finding[]> {
  if (status !== undefined) return []
  const inTokens = stored.filter((region) => isTokenState(file('hsm', `${region}.json`)))
  const others = stored.filter((region) => !inTokens.includes(region))
  const { custodyTroubles } = await import('../hsm/custody.ts')
  const simulated = others.flatMap((region) =>
    custodyTroubles(data, region, undefined).map((trouble) => custodyFinding(region, trouble)),
  )
  const { cutOffMigration } = await import('../hsm/cutOffMigration.ts')
  const cutOff = others.flatMap((region) => cutOffMigration(data, region) ?? [])
  // Without a token it starts as it was.
  const tell = environment['HSM'] === 'pkcs11' ? fail : warn
  const found = [...simulated, ...cutOff.map((says) => tell(says, migrateRemedy))]
  const settings = settingsTrouble(environment, stored)
  if (settings !== undefined) return [...found, fail(settings, remedy)]
  return [...found, ...(inTokens.length === 0 ? [] : await ofTokens({ data, inTokens }, environment))]
}

/** What a start would refuse them for. One region alone may be a machine's own, whose settings know the others. */
function settingsTrouble(environment: NodeJS.ProcessEnv, stored: readonly string[]): string | undefined {
  const [first, second] = stored
  try {
    const tokens = tokenSettings(environment)
    if (second !== undefined) requireTokenRegions(tokens, stored)
    else if (first !== undefined) requireOwnToken(tokens, first)
    return undefined
  } catch (cause) {
    return messageOf(cause)
  }
}

async function ofTokens(
  { data, inTokens }: { readonly data: string; readonly inTokens: readonly string[] },
  environment: NodeJS.ProcessEnv,
): Promise<readonly Finding[]> {
  const names = inTokens.join(', ')
  if ((environment['HSM'] ?? 'simulated') === 'simulated') {
    return [
      warn(
        `The keys of ${names} are in tokens, of which this shell knows nothing: they were not looked at.`,
        'Ask again with HSM, PKCS11_MODULE and PKCS11_PIN_FILE set as the service has them.',
      ),
    ]
  }
  try {
    const tokens = tokenSettings(environment)
    const regions = inTokens.filter((region) => hasToken(tokens, region))
    if (tokens === null || regions.length === 0) return []
    const { tokenStatus } = await import('../hsm/tokenStatus.ts')
    const { isFit, unfit, custody } = await tokenStatus(tokens, regions, data)
    const use = isFit
      ? ok(`the tokens of ${regions.join(', ')} answer and compute right`)
      : fail(`The tokens are not fit for use: ${unfit.join('; ')}`, remedy)
    return [use, ...custody.map(({ region, trouble }) => custodyFinding(region, trouble))]
  } catch (cause) {
    return [fail(messageOf(cause), remedy)]
  }
}

function isTokenState(path: string): boolean {
  if (!existsSync(path)) return false
  try {
    return (parseJson(readFileSync(path, 'utf8')) as { readonly format?: unknown }).format === 'vaultspan/pkcs11-hsm/1'
  } catch {
    return false
  }
}
