import { freshPk, withTables, type OpenTables } from './tableHarness.ts'

/** `advance`: what the rate limits stand on. */
export function advanceContract(open: OpenTables): void {
  test(
    'a time starts from now, goes on from where it stands, and stays where it would be too late',
    withTables(open, async ({ tables, now }) => {
      const pk = freshPk()
      const start = now()
      const step = (at: number) => tables.advance(pk, 'until', { now: at, stepMs: 100, latest: at + 300 })
      for (const until of [100, 200, 300]) expect(await step(start)).toEqual({ ok: true, until: start + until })
      expect(await step(start)).toEqual({ ok: false, until: start + 300 })
      expect(await step(start + 99)).toEqual({ ok: false, until: start + 300 })
      expect(await step(start + 100)).toEqual({ ok: true, until: start + 400 })
      // What has passed is not made up for.
      expect(await step(start + 5000)).toEqual({ ok: true, until: start + 5100 })
      expect(await tables.advance(pk, 'other', { now: start, stepMs: 100, latest: start + 100 })).toMatchObject({
        ok: true,
      })
    }),
  )

  test(
    'of many that come at once exactly as many are taken as there is room for',
    withTables(open, async ({ tables, now }) => {
      for (const before of [0, 4]) {
        const pk = freshPk()
        const at = now()
        const step = () => tables.advance(pk, 'until', { now: at, stepMs: 100, latest: at + 1000 })
        for (let count = 0; count < before; count += 1) await step()
        const taken = await Promise.all(Array.from({ length: 40 }, step))
        const times = taken.flatMap(({ ok, until }) => (ok ? [until - at] : [])).sort((a, b) => a - b)
        expect(times).toEqual([100, 200, 300, 400, 500, 600, 700, 800, 900, 1000].slice(before))
      }
    }),
  )

  test(
    'a time that is long past is removed like whatever has expired',
    withTables(open, async ({ tables, now, advance }) => {
      const pk = freshPk()
      const at = now()
      await tables.advance(pk, 'until', { now: at, stepMs: 100, latest: at + 1000 })
      expect(await tables.get('Requests', pk, 'until')).toMatchObject({ until: at + 100 })
      advance(2 * 3_600_000)
      expect(await tables.get('Requests', pk, 'until')).toBeUndefined()
    }),
  )
}
