import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { refusalReasons } from '../../lib/refusalReasons.ts'

/** Whoever finds a reason in the log finds it in docs/refusals.md too. */

const text = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'refusals.md'), 'utf8')

test('every reason stands in one row, and each row has what to do', () => {
  const rows = text.split('\n').filter((line) => line.startsWith('| `') && !line.startsWith('| `reason`'))
  const named = rows.flatMap((row) => {
    const [, names = '', remedy = ''] = row.split('|')
    expect(remedy.trim()).not.toBe('')
    return [...names.matchAll(/`(\w+)`/g)].map(([, name = '']) => name)
  })
  const others = ['noSuchRoute']
  expect(named.toSorted()).toEqual([...Object.keys(refusalReasons), ...others].toSorted())
})
