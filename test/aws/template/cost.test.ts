import { readFile } from 'node:fs/promises'
import { operationCosts } from '../../../bench/operationCosts.ts'

test('docs/cost.md says what each operation asks of AWS', async () => {
  const text = await readFile('docs/cost.md', 'utf8')
  const documented = new Map(
    text.split('\n').flatMap((line) => {
      const [, name = '', ...cells] = line.split('|').map((cell) => cell.trim())
      return cells.length === 8 ? [[name, cells.slice(0, 7).map(Number)] as const] : []
    }),
  )
  for (const { operation, ...counts } of await operationCosts()) {
    const measured = Object.values(counts)
    const said = documented.get(operation) ?? []
    if (/replica/i.test(operation)) expect(measured.filter((count, index) => count > (said[index] ?? 0))).toEqual([])
    else expect([operation, said]).toEqual([operation, measured])
  }
}, 30_000)
