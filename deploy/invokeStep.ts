import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda'
import { UserError } from '../lib/userError.ts'

interface Step {
  readonly step: string
}

/** Calls a function that works in steps, with the caller's own credentials, and resolves with its answer as JSON. @throws UserError where the step failed. */
export async function invokeStep(
  { client, region, name }: { readonly client: LambdaClient; readonly region: string; readonly name: string },
  input: Step,
): Promise<unknown> {
  const { Payload, FunctionError } = await client.send(
    new InvokeCommand({ FunctionName: name, Payload: JSON.stringify(input) }),
  )
  const text = Buffer.from(Payload ?? []).toString()
  if (FunctionError === undefined) return JSON.parse(text)
  const { errorMessage } = JSON.parse(text) as { errorMessage?: string }
  throw new UserError(`Step ${input.step} failed in ${region}: ${errorMessage ?? FunctionError}`)
}
