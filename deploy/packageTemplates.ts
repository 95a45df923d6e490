import { type Parameters } from './parameters.ts'
import { runServerless } from './runServerless.ts'
import { UserError } from '../lib/userError.ts'

/** The bundles, and each region's template below `directory`. Needs no account and no network. */
export async function packageTemplates(parameters: Parameters, directory: string): Promise<readonly string[]> {
  const files: string[] = []
  for (const region of parameters.regions) {
    if (!(await runServerless('package', region, parameters, ['--package', `${directory}/${region}`]))) {
      throw new UserError(`The template of ${region} could not be made; the reason is above.`)
    }
    files.push(`${directory}/${region}/cloudformation-template-update-stack.json`)
  }
  return files
}
