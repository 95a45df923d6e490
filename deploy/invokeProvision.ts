import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda'
import type { ProvisionAnswers, ProvisionStep } from '../lib/aws/provisionRegion.ts'
import { UserError } from '../lib/userError.ts'
import { deployedWith, prefixOf } from './deployed.ts'
import type { Parameters } from './parameters.ts'
import type { InvokeProvision } from './provisionTenancy.ts'

/** Calls the provision function of a region with the deployer's own credentials. */
export function invokeProvision(region: string, stage: string): InvokeProvision {
  const client = new LambdaClient({ region })
  return async <S extends ProvisionStep['step']>(input: Extract<ProvisionStep, { step: S }>) => {
    const FunctionName = `${prefixOf({ stage })}-provision`
    const { Payload, FunctionError } = await client.send(
      new InvokeCommand({ FunctionName, Payload: JSON.stringify(input) }),
    )
    const text = Buffer.from(Payload ?? []).toString()
    if (FunctionError === undefined) return JSON.parse(text) as ProvisionAnswers[S]
    const { errorMessage } = JSON.parse(text) as { errorMessage?: string }
    throw new UserError(`Step ${input.step} failed in ${region}: ${errorMessage ?? FunctionError}`)
  }
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
