import { operationCosts } from '../../../bench/operationCosts.ts'
import { documentedCosts } from '../harness/documentedCosts.ts'

test('docs/cost.md says what each operation asks of AWS', async () => {
  const documented = await documentedCosts()
  for (const { operation, ...measured } of await operationCosts()) {
    const said = documented.get(operation)
    if (/replica/i.test(operation)) {
      const most: Readonly<Record<string, number>> = { ...said }
      expect(Object.entries(measured).filter(([name, count]) => !(count <= (most[name] ?? 0)))).toEqual([])
    } else expect([operation, said]).toEqual([operation, measured])
  }
})
