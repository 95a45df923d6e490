import { operationCosts } from './operationCosts.ts'

/** `npm run bench:cost`: the table of docs/cost.md. */
const columns = [
  'operation',
  'reads',
  'writes',
  'transactionWrites',
  'messages',
  'streamRecords',
  'readUnits',
  'writeUnits',
] as const
for (const row of await operationCosts()) console.log(`| ${columns.map((column) => row[column]).join(' | ')} |`)
