import { grants } from './grants.ts'

export interface StackSettings {
  /** 0: none. */
  readonly cryptoReservedConcurrency: number
  /** Of each route by itself; twice as many may come at once. */
  readonly requestsPerSecondOfRoute: number
  readonly isTraced: boolean
  readonly hasCustomDomain: boolean
}

type Extensions = Record<string, { readonly Properties: object }>

/** What osls has no word for, in the resources that it makes itself. */
export function stackExtensions(settings: StackSettings): Extensions {
  const { cryptoReservedConcurrency: reserved, requestsPerSecondOfRoute: rate, isTraced, hasCustomDomain } = settings
  const functions = Object.keys(grants).flatMap((name): [string, { Properties: object }][] => {
    const properties = {
      ...(isTraced ? { TracingConfig: { Mode: 'Active' } } : {}),
      // What others take of the account's concurrency, this share is left.
      ...(name === 'crypto' && reserved > 0 ? { ReservedConcurrentExecutions: reserved } : {}),
    }
    return Object.keys(properties).length === 0 ? [] : [[functionId(name), { Properties: properties }]]
  })
  return {
    HttpApiStage: {
      Properties: {
        DefaultRouteSettings: {
          DetailedMetricsEnabled: true,
          ThrottlingRateLimit: rate,
          ThrottlingBurstLimit: 2 * rate,
        },
      },
    },
    // A second name for the same API would be a way around whatever stands before the first.
    ...(hasCustomDomain ? { HttpApi: { Properties: { DisableExecuteApiEndpoint: true } } } : {}),
    ...Object.fromEntries(functions),
  }
}

function functionId(name: string): string {
  return `${name.charAt(0).toUpperCase()}${name.slice(1)}LambdaFunction`
}
