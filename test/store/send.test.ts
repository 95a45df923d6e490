import { openStore } from './sqliteHarness.ts'
import { sendContract } from './sendContract.ts'

sendContract('SQLite', async () => {
  const stores = { 'us-east-1': openStore(':memory:'), 'us-west-2': openStore(':memory:') } as const
  const storeOf = (region: string) => stores[region as keyof typeof stores]
  return {
    queues: { send: ({ region, name }, messages) => storeOf(region).queues.send(name, messages) },
    region: 'us-east-1',
    peer: 'us-west-2',
    drain: async (region) => (await storeOf(region).queues.receive('inbox', 100)).map(({ body }) => body),
    close: async () => {
      await Promise.all(Object.values(stores).map((store) => store.close()))
    },
  }
})
