import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import { UnreadAnswers } from '../../local/gateway/unreadAnswers.ts'

/** Who is late with reading is told by one timer for all. */

/** Time that passes when a test says so. */
function heldTime() {
  let at = 0
  const due: { at: number; work: () => void }[] = []
  const after = (ms: number, work: () => void) => {
    due.push({ at: at + ms, work })
    return () => undefined
  }
  return {
    timers: { after },
    now: () => at,
    pass: (ms: number) => {
      at += ms
      for (const each of due.filter((timer) => timer.at <= at)) {
        due.splice(due.indexOf(each), 1)
        each.work()
      }
    },
  }
}

interface Answer extends EventEmitter {
  isDestroyed: boolean
}

function answer(): Answer & ServerResponse {
  const made = Object.assign(new EventEmitter(), {
    isDestroyed: false,
    destroy: () => {
      made.isDestroyed = true
      made.emit('close')
    },
  })
  return made as unknown as Answer & ServerResponse
}

test('each answer has as long as any other to be read, whenever it was written', () => {
  const time = heldTime()
  const unread = new UnreadAnswers({ maxBytes: 100, maxMs: 1000 }, time)
  const [first, second, third] = [answer(), answer(), answer()]
  unread.add(first, 1)
  time.pass(400)
  unread.add(second, 1)
  time.pass(400)
  unread.add(third, 1)
  third.emit('close')
  const late = () => [first, second, third].map(({ isDestroyed }) => isDestroyed)
  time.pass(199)
  expect(late()).toEqual([false, false, false])
  time.pass(1)
  expect(late()).toEqual([true, false, false])
  time.pass(399)
  expect(late()).toEqual([true, false, false])
  time.pass(1)
  expect(late()).toEqual([true, true, false])
  // The next one is watched again.
  const fourth = answer()
  unread.add(fourth, 1)
  time.pass(1000)
  expect(fourth.isDestroyed).toBe(true)
})

test('what was read makes room: only unread bytes count', () => {
  const unread = new UnreadAnswers({ maxBytes: 10, maxMs: 1000 })
  const [read, oldest, newest] = [answer(), answer(), answer()]
  unread.add(read, 6)
  read.emit('close')
  unread.add(oldest, 6)
  expect(oldest.isDestroyed).toBe(false)
  unread.add(newest, 6)
  expect([oldest.isDestroyed, newest.isDestroyed]).toEqual([true, false])
})
