import { until } from '../harness/until.ts'

/** Whatever answers are about, each time it is asked. */
type Health = Readonly<Record<string, unknown>>

export async function healthOf(endpoint: string): Promise<Health> {
  return (await (await fetch(`${endpoint}/healthz`)).json()) as Health
}

/** What a region says of itself once it is well: a peer that takes a second to answer on a busy machine makes it degraded. */
export async function healthy(endpoint: string): Promise<Health> {
  let health: Health = {}
  await until(async () => {
    health = await healthOf(endpoint)
    return health['status'] === 'ok'
  })
  return health
}
