import type { QueueMessage, Queues } from '../../lib/ports.ts'

/** The `Queues` port of a region, and what lies in its inbox or its peer's. */
export interface SendHarness {
  readonly queues: Queues
  readonly region: string
  readonly peer: string
  /** The bodies that can be received from an inbox, at once, until none is left; they are removed. */
  readonly drain: (region: string) => Promise<readonly string[]>
  readonly close: () => Promise<void>
}

export type OpenSend = () => Promise<SendHarness>

const json = (value: unknown): string => JSON.stringify(value)

/** A JSON text of exactly so many bytes. */
const ofBytes = (bytes: number): string => json('é'.repeat((bytes - 2) / 2))

/** Every clause of `Queues` (lib/ports.ts), for any adapter. */
export function sendContract(name: string, open: OpenSend): void {
  const sends = (title: string, body: (harness: SendHarness) => Promise<void>): void => {
    test(title, async () => {
      const harness = await open()
      try {
        await body(harness)
      } finally {
        await harness.close()
      }
    })
  }
  const expectSent = async (
    { queues, region, drain }: SendHarness,
    messages: readonly QueueMessage[],
    bodies = messages.map(({ body }) => body),
  ): Promise<void> => {
    await queues.send({ region, name: 'inbox' }, messages)
    expect([...(await drain(region))].sort()).toEqual([...bodies].sort())
  }

  describe(`sending on ${name}`, () => {
    sends('a message arrives in the region and queue of its address', async (harness) => {
      const { queues, region, peer, drain } = harness
      await queues.send({ region: peer, name: 'inbox' }, [{ body: '"there"' }])
      await queues.send({ region: peer, name: 'outcome' }, [{ body: '"elsewhere"' }])
      await expectSent(harness, [{ body: '"here"' }])
      expect(await drain(region)).toEqual([])
      expect(await drain(peer)).toEqual(['"there"'])
    })

    sends('no messages are none', async (harness) => {
      await expectSent(harness, [])
    })

    sends('25 messages arrive once each', async (harness) => {
      await expectSent(
        harness,
        Array.from({ length: 25 }, (_, n) => ({ body: json({ n }) })),
      )
    })

    sends('messages that are too large together arrive apart', async (harness) => {
      await expectSent(
        harness,
        [256_000, 200_000, 100_000, 6000].map((bytes) => ({ body: ofBytes(bytes) })),
      )
    })

    sends('whatever text JSON can hold arrives', async ({ queues, region, drain }) => {
      const value = {
        text: '\u0000\u001f\u007f"\\ \t\r\n é \u{1f511} \ud7ff\ue000\ufffd\ufffe\uffff\u{10ffff}',
        n: [1],
      }
      await queues.send({ region, name: 'inbox' }, [{ body: json(value) }, { body: JSON.stringify(value, null, '\t') }])
      const bodies = await drain(region)
      expect(bodies.map((body) => JSON.parse(body) as unknown)).toEqual([value, value])
    })

    sends('what breaks a limit is refused with all that was to be sent with it', async ({ queues, region, drain }) => {
      const broken = [
        { body: `${ofBytes(256_000)} ` },
        { body: '"\ud83d"' },
        { body: '1', delaySeconds: 901 },
        { body: '1', delaySeconds: -1 },
      ]
      for (const message of broken) {
        const sound = Array.from({ length: 10 }, () => ({ body: '1' }))
        await expect(queues.send({ region, name: 'inbox' }, [...sound, message])).rejects.toThrow(RangeError)
      }
      expect(await drain(region)).toEqual([])
    })

    sends('a delayed message does not arrive at once', async (harness) => {
      await expectSent(harness, [{ body: '1', delaySeconds: 900 }, { body: '2' }], ['2'])
    })
  })
}
