import { parseArgs } from 'node:util'
import { askFaultServer } from './faultServer.ts'

/** `npm run faults -- cut us-ashburn-1 | slow us-ashburn-1 us-phoenix-1 80ms | heal | status` */
const { values, positionals } = parseArgs({
  options: { data: { type: 'string', default: '.vaultspan' } },
  allowPositionals: true,
})

try {
  const answer = await askFaultServer(values.data, positionals.length === 0 ? 'status' : positionals.join(' '))
  console.log(answer.replace(/^ok: /, ''))
  if (answer.startsWith('error')) process.exitCode = 1
} catch {
  console.error(
    `No Vaultspan service uses ${values.data}; start one with npm start, or name its directory with --data.`,
  )
  process.exitCode = 1
}
