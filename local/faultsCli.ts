import { parseArgs } from 'node:util'
import { askFaultServer } from './faultServer.ts'

/** `npm run faults -- cut us-ashburn-1 | slow us-ashburn-1 us-phoenix-1 80ms | heal | status` */
function readArguments() {
  try {
    return parseArgs({ options: { data: { type: 'string', default: '.vaultspan' } }, allowPositionals: true })
  } catch (cause) {
    const [line] = (cause instanceof Error ? cause.message : String(cause)).split('\n')
    refuse(line ?? '')
    return undefined
  }
}

async function ask(directory: string, command: string): Promise<void> {
  try {
    const answer = await askFaultServer(directory, command)
    if (answer.startsWith('ok: ')) console.log(answer.slice('ok: '.length))
    else refuse(answer.replace(/^error: /, ''))
  } catch {
    refuse(`No Vaultspan service uses ${directory}; start one with npm start, or name its directory with --data.`)
  }
}

function refuse(line: string): void {
  console.error(line)
  process.exitCode = 1
}

const read = readArguments()
if (read !== undefined) await ask(read.values.data, read.positionals.join(' ') || 'status')
