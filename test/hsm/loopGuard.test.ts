import { LoopTurn } from '../../lib/hsm/pkcs11/library/loopTurn.ts'
import { LoopGuard } from '../../lib/hsm/pkcs11/token/loopGuard.ts'
import { slowWords } from '../../lib/hsm/pkcs11/library/sharedSlowness.ts'

describe('the guards of event loops', () => {
  let now = 0
  const slow = slowWords()
  const turns: (() => void)[] = []
  const turned = () => {
    for (const over of turns.splice(0)) over()
  }
  const newTurn = () =>
    new LoopTurn(
      () => now,
      (over) => turns.push(over),
    )
  const guard = (label: string, turn = newTurn()) =>
    new LoopGuard(label, { slow, now: () => now, turn }, () => new Promise(() => undefined))
  /** So many calls, each of so long. */
  const work = (turn: LoopTurn, calls: number, ms: number) => () => {
    for (let call = 0; call < calls; call++) {
      turn.nextCall()
      now += ms
    }
  }
  const isRefused = (each: LoopGuard) => {
    try {
      each.requireTurn()
      return false
    } catch {
      return true
    }
  }

  beforeEach(() => {
    slow.fill(0)
    turns.length = 0
    now = 5_000_000
  })

  test('take pieces that were under way at one time for one: a machine that paused makes all of them slow', () => {
    const guards = [guard('one'), guard('one'), guard('one')]
    // As threads have them, which are all in the middle of theirs when the machine pauses.
    const inIt = (left: readonly LoopGuard[]): void => {
      const [next, ...others] = left
      if (next === undefined) now += 3_000
      else
        next.piece(() => {
          inIt(others)
        })
    }
    inIt(guards)
    expect(guards.map((each) => each.isResting())).toEqual([false, false, false])
    guards[0]?.piece(() => {
      now += 3_000
    })
    expect(guards.map((each) => each.isResting())).toEqual([true, true, true])
  })

  test('take turns that were under way at one time for one likewise', () => {
    const loops = [newTurn(), newTurn()]
    const guards = loops.map((turn) => guard('one', turn))
    guards[0]?.inTurn(() => guards[1]?.inTurn(() => (now += 3_000)))
    turned()
    expect(guards.map((each) => each.isResting())).toEqual([false, false])
    guards[1]?.inTurn(() => (now += 3_000))
    expect(guards.map((each) => each.isResting())).toEqual([false, false])
    turned()
    expect(guards.map((each) => each.isResting())).toEqual([true, true])
  })

  test('take a turn to begin with its first work', () => {
    const [one, other] = [guard('one'), guard('one')]
    one.inTurn(() => undefined)
    other.piece(() => (now += 3_000))
    one.inTurn(() => (now += 3_000))
    turned()
    expect(one.isResting()).toBe(false)
  })

  test('know each token by itself, and of those for which there is no room any more their own works', () => {
    const names = Array.from({ length: slow.length / 4 + 1 }, (_, index) => `token ${index}`)
    const [mine, others] = [names.map((name) => guard(name)), names.map((name) => guard(name))]
    const isSlow = (each: LoopGuard | undefined) => {
      each?.piece(() => {
        now += 2_000
      })
    }
    for (const each of [mine[1], mine[1]]) isSlow(each)
    expect(others.slice(0, 3).map((each) => each.isResting())).toEqual([false, true, false])
    for (const each of mine) isSlow(each)
    for (const each of [mine.at(-1), mine.at(-1)]) isSlow(each)
    expect([mine.at(-1)?.isResting(), others.at(-1)?.isResting()]).toEqual([true, false])
  })

  test('share a turn of the loop among all tokens of the library; the one that takes the most of it is the slow one', () => {
    const turn = newTurn()
    const [one, other] = [guard('one', turn), guard('other', turn)]
    const both = () => {
      one.inTurn(work(turn, 4, 600))
      // Within another's work, as the region's token is asked for a private vault.
      one.inTurn(() => {
        other.piece(work(turn, 2, 250))
      })
    }
    both()
    expect([isRefused(one), isRefused(other)]).toEqual([true, true])
    expect(() => {
      other.requireTurn()
    }).toThrow('The HSM answers too slowly (token one)')
    turned()
    expect([isRefused(one), isRefused(other)]).toEqual([false, false])
    both()
    turned()
    expect([one.isResting(), other.isResting()]).toEqual([true, false])
    other.inTurn(work(turn, 3, 500))
    expect(() => {
      other.requireTurn()
    }).toThrow('(token other)')
  })

  test.each([
    ['before it and after it', 300, 300, 0, 'one'],
    ['more than once', 0, 0, 400, 'other'],
  ])(
    'know whose time is whose where one token is asked within another’s work, %s',
    (_what, before, after, again, most) => {
      const turn = newTurn()
      const [one, other] = [guard('one', turn), guard('other', turn)]
      one.inTurn(() => {
        work(turn, 2, 200 + before)()
        other.piece(work(turn, 2, 300))
        work(turn, 1, after)()
        other.piece(work(turn, 1, again))
      })
      expect(() => {
        one.requireTurn()
      }).toThrow(`(token ${most})`)
    },
  )

  test.each([
    ['of 0.2 s', 200, 6, 1_200],
    ['of 30 ms', 30, 35, 1_050],
    ['of 5 ms', 5, 201, 1_005],
    ['of 9 s', 9_000, 2, 18_000],
    ['of 1.9 ms, which is a fast token’s under load,', 1.9, 10_000, 19_000],
  ])('give a turn a second and the longest call: by calls %s', (_what, ms, calls, held) => {
    const turn = newTurn()
    const one = guard('one', turn)
    const began = now
    let made = 0
    while (!isRefused(one) && made < 10_000) {
      one.inTurn(work(turn, 1, ms))
      made += 1
    }
    expect([made, Math.round(now - began)]).toEqual([calls, held])
  })

  test('do not count what is not to be counted in the middle of it, and what comes before it and after it', () => {
    const turn = newTurn()
    const one = guard('one', turn)
    const connecting = (calls: number) => {
      one.inTurn(() => {
        work(turn, calls, 300)()
        turn.uncounted(() => (now += 9_000))
        work(turn, 2, 300)()
      })
    }
    for (let count = 0; count < 3; count++) {
      connecting(1)
      expect(isRefused(one)).toBe(false)
      turned()
    }
    expect(one.isResting()).toBe(false)
    connecting(3)
    expect(isRefused(one)).toBe(true)
  })

  test('do not rest a token for turns of less than a second', () => {
    const turn = newTurn()
    const one = guard('one', turn)
    for (let count = 0; count < 3; count++) {
      one.inTurn(work(turn, 3, 333))
      turned()
    }
    expect(one.isResting()).toBe(false)
  })

  test.each([
    ['30 ms, forty of which a turn does not have time for', 30, true],
    ['20 ms, which has a loop to spare for whatever else is asked', 20, false],
  ])('after two slow turns rest a token whose calls take %s', (_what, ms, isResting) => {
    const turn = newTurn()
    const one = guard('one', turn)
    for (let count = 0; count < 2; count++) {
      while (!isRefused(one)) one.inTurn(work(turn, 1, ms))
      turned()
    }
    expect(one.isResting()).toBe(isResting)
  })

  test('refuse nothing after a pause of the machine, wherever it comes, and much after the second within a minute', () => {
    const turn = newTurn()
    const one = guard('one', turn)
    one.inTurn(work(turn, 4, 1))
    now += 30_000
    one.inTurn(work(turn, 4, 1))
    expect(isRefused(one)).toBe(false)
    one.inTurn(work(turn, 1, 3_000))
    one.inTurn(work(turn, 20, 1))
    expect(isRefused(one)).toBe(false)
    turned()
    now += 50_000
    one.inTurn(work(turn, 4, 1))
    one.inTurn(work(turn, 1, 3_000))
    expect(isRefused(one)).toBe(true)
    expect(one.isResting()).toBe(false)
    turned()
    expect(one.isResting()).toBe(true)
  })
})
