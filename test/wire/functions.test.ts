import { httpFunction } from '../../lib/http/httpFunction.ts'
import type { HttpPorts } from '../../lib/http/httpPorts.ts'

test('a function is not made where an operation of its own has no handler', () => {
  expect(() => httpFunction('audit', {} as HttpPorts, [])).toThrow(/audit lacks \[ListEvents\]/)
})
