import { appendFileSync } from 'node:fs'
import type { Parameters } from '../deploy/parameters.ts'
import { params, serverlessParameters, serverlessProgram } from '../deploy/runServerless.ts'
import { freePort } from './freePort.ts'
import { StartedProgram } from './startedProgram.ts'

export interface FunctionsOptions {
  readonly region: string
  readonly parameters: Parameters
  readonly emulator: string
  readonly accountId: string
  readonly hsmStateKey: string
  readonly vaultKeksKey: string
  /** Region i of the parameters answers at this port + i. */
  readonly endpointPortBase: number
  readonly logFile: string
  /** Lines that a function has written in the embedded metric format. */
  readonly onMetric: (metric: Readonly<Record<string, unknown>>) => void
}

const readyWithinMs = 60_000

/** A region's functions, run by serverless-offline from the packaged bundles and called by the Lambda API. */
export class RegionFunctions {
  readonly #program: StartedProgram
  readonly #url: string

  static async start(options: FunctionsOptions): Promise<RegionFunctions> {
    const functions = new RegionFunctions(options, await freePort(), await freePort())
    try {
      // No path of its Lambda API takes a GET: any answer will do.
      await functions.#program.answersAt(functions.#url, readyWithinMs, () => true)
    } catch (cause) {
      await functions.stop()
      throw new Error('serverless-offline did not start.', { cause })
    }
    return functions
  }

  private constructor(options: FunctionsOptions, lambdaPort: number, httpPort: number) {
    const { region, parameters, emulator, accountId, hsmStateKey, vaultKeksKey, endpointPortBase } = options
    this.#url = `http://127.0.0.1:${lambdaPort}`
    const given = [
      ...serverlessParameters(parameters),
      ...params({ accountId, hsmStateKey, vaultKeksKey, endpointPortBase: String(endpointPortBase) }),
    ]
    const listen = ['--host', '127.0.0.1', '--lambdaPort', String(lambdaPort), '--httpPort', String(httpPort)]
    const { AWS_PROFILE: _profile, ...inherited } = process.env
    this.#program = new StartedProgram(
      process.execPath,
      [
        serverlessProgram,
        'offline',
        '--stage',
        parameters.stage,
        '--region',
        region,
        ...given,
        ...listen,
        '--noSponsor',
      ],
      {
        env: {
          ...inherited,
          AWS_ENDPOINT_URL: emulator,
          AWS_ACCESS_KEY_ID: 'test',
          AWS_SECRET_ACCESS_KEY: 'test',
        },
        onLine: (line) => {
          if (line.startsWith('{"_aws":')) options.onMetric(JSON.parse(line) as Record<string, unknown>)
          else appendFileSync(options.logFile, `${line}\n`)
        },
      },
    )
  }

  /** Calls a function and waits for its result. @throws Error where it failed. */
  async invoke<R>(functionName: string, event: object): Promise<R> {
    const answer = await fetch(`${this.#url}/2015-03-31/functions/${functionName}/invocations`, {
      method: 'POST',
      body: JSON.stringify(event),
    })
    const text = await answer.text()
    if (answer.ok && !answer.headers.has('x-amz-function-error')) return (text === '' ? {} : JSON.parse(text)) as R
    const { errorMessage = text } = parsed(text)
    throw new Error(`${functionName} failed: ${errorMessage}`)
  }

  async stop(): Promise<void> {
    await this.#program.stop()
  }
}

function parsed(text: string): { readonly errorMessage?: string } {
  try {
    return JSON.parse(text) as { errorMessage?: string }
  } catch {
    return {}
  }
}
