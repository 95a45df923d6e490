import { operations, rowOf, type OperationName } from '../../../lib/http/operations.ts'
import { success, type Row } from './row.ts'

const head = `# Operations

Made by \`test/wire/operations.test.ts\` from the cases that passed, each played with Oracle's own TypeScript client over a
socket, or with requests signed by its signer where the client would not send them. \`UPDATE_DOCS=1 npm test -- operations\`
writes this file anew; without it the test compares.

Every operation succeeded too. More refusals, by the in-process suites of \`test/wire/\`: life cycles, deletion, rotation,
import and export, backup, limits, paging and policies.
`

/** The table of docs/operations.md: each operation, and what was tried of it in vain. */
export function operationsDoc(rows: readonly Row[]): string {
  const lines = Object.keys(operations).map((name) => line(name as OperationName, rows))
  return [
    head,
    '| Operation | Request | Function | Refused |',
    '| --------- | ------- | -------- | ------- |',
    ...lines,
    '',
  ].join('\n')
}

function line(operation: OperationName, rows: readonly Row[]): string {
  const { method, path, serves } = rowOf(operation)
  const refused = new Map<string, string[]>()
  for (const { expected, tried } of rows.filter((row) => row.operation === operation && row.expected !== success)) {
    const of = refused.get(expected) ?? []
    of.push(tried)
    refused.set(expected, of)
  }
  const cases = [...refused]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([code, tried]) => `**${code}** ${tried.join(', ')}`)
  return `| ${operation} | \`${method} ${path}\` | ${serves} | ${cases.join('<br>')} |`
}
