export interface AwsPlace {
  readonly region: string
  /** Of an emulator; absent: AWS itself. */
  readonly endpoint?: string
}

/**
 * The options with which every AWS client is made, once per process: `new DynamoDBClient(awsClientOptions(place))`.
 * A call that stands still is given up before a function's own time-out, and tried again on another connection; connections
 * are kept between invocations. The SDK itself repeats what is throttled or failed ambiguously, with jitter.
 */
export function awsClientOptions({ region, endpoint }: AwsPlace) {
  return {
    region,
    ...(endpoint !== undefined && { endpoint }),
    maxAttempts: 4,
    retryMode: 'standard',
    requestHandler: {
      connectionTimeout: 1000,
      requestTimeout: 3000,
      throwOnRequestTimeout: true,
      httpAgent: { keepAlive: true, maxSockets: 64 },
      httpsAgent: { keepAlive: true, maxSockets: 64 },
    },
  } as const
}

/** What the SDK does not repeat, the adapters do: transactions that others cancelled, and messages that a batch left out. */
export const attempts = 8
export const betweenAttempts = { firstMs: 20, maxMs: 500 } as const
