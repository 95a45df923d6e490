import { LambdaClient } from '@aws-sdk/client-lambda'
import type { ProvisionAnswers, ProvisionStep } from '../lib/aws/provisionRegion.ts'
import { UserError } from '../lib/userError.ts'
import { deployedWith, prefixOf } from './deployed.ts'
import { invokeStep } from './invokeStep.ts'
import type { Parameters } from './parameters.ts'
import type { InvokeProvision } from './provisionTenancy.ts'

/** Calls the provision function of a region with the deployer's own credentials. */
export function invokeProvision(region: string, stage: string): InvokeProvision {
  const client = new LambdaClient({ region })
  const provision = { client, region, name: `${prefixOf({ stage })}-provision` }
  return async <S extends ProvisionStep['step']>(input: Extract<ProvisionStep, { step: S }>) =>
    (await invokeStep(provision, input)) as ProvisionAnswers[S]
}

/** @throws UserError where a region has no stack, or another home region. */
export async function requireDeployed(parameters: Parameters): Promise<void> {
  for (const region of parameters.regions) {
    const outputs = await deployedWith(region, parameters)
    if (outputs === undefined) throw new UserError(`Stage ${parameters.stage} is not deployed in ${region}.`)
    const { HomeRegion } = outputs
    if (HomeRegion !== undefined && HomeRegion !== parameters.homeRegion) {
      throw new UserError(`The home region of this deployment is ${HomeRegion}; give --home ${HomeRegion}.`)
    }
  }
}
