import { createConnection, createServer, type Socket } from 'node:net'
import type { Broken } from '../region/faults.ts'
import type { HostDirectory } from '../directory/hostDirectory.ts'
import { personsLine } from '../personsLine.ts'
import { messageOf } from '../../lib/userError.ts'
import { listenPrivately, socketPath } from './privateSocket.ts'

/** What else can be asked of the service at its socket, by the line's first word. @throws with a line for a person. */
export type MoreCommands = Readonly<Record<string, (words: readonly string[]) => Promise<string>>>

/** What may be broken on purpose. @throws where there is no such region. */
export interface FaultCommands {
  /**
   * cut: no socket of the region answers any more, and nothing passes between it and others; hang: it takes what comes and
   * never answers; refuse: it answers 503.
   */
  break(region: string, how: Broken): Promise<void>
  /** Every message between the two takes this long, in both directions. */
  slow(a: string, b: string, delayMs: number): Promise<void> | void
  /** Everything is as it was, but for the clock. */
  heal(): Promise<void>
  /** Moves all regions' clocks on, and does what falls due by then. The dates of requests are judged by the real clock. */
  advance(ms: number): Promise<void>
  /** One line. */
  describe(): string
}

/** The longest names a directory. */
const maxLine = 10_000

/** Where a cloud in a directory takes commands. */
const socketName = 'faults.sock'

export function faultSocketPath(directory: string): string {
  return socketPath(directory, socketName)
}

/**
 * Takes one line, `cut REGION`, `slow A B 80ms`, `heal` or `status`, and answers with one. Only its owner can open it.
 * Resolves with what ends it; undefined for a cloud in memory, which nobody else can find.
 */
export async function serveFaults(
  directory: Pick<HostDirectory, 'path'>,
  faults: FaultCommands,
  more: MoreCommands = {},
): Promise<(() => Promise<void>) | undefined> {
  if (directory.path === undefined) return undefined
  const server = createServer((socket) => {
    serve(socket, faults, more)
  })
  return listenPrivately(server, directory.path, socketName)
}

function serve(socket: Socket, faults: FaultCommands, more: MoreCommands): void {
  let text = ''
  socket.setEncoding('utf8')
  socket.on('error', () => socket.destroy())
  socket.on('data', (part: string) => {
    text += part
    if (text.length > maxLine) socket.destroy()
    if (!text.includes('\n')) return
    void performAny(faults, more, text.trim().split(/\s+/)).then((answer) => socket.end(`${answer}\n`))
  })
}

async function performAny(faults: FaultCommands, more: MoreCommands, words: readonly string[]): Promise<string> {
  const [name = '', ...given] = words
  const wrong = wrongWords(name, given.length, more)
  if (wrong !== undefined) return `error: ${wrong}`
  const other = Object.hasOwn(more, name) ? more[name] : undefined
  if (other === undefined) return perform(faults, words)
  try {
    return `ok: ${await other(words)}`
  } catch (cause) {
    // Why a token does not answer, too.
    return `error: ${personsLine(cause) ?? messageOf(cause)}`
  }
}

/** How each is typed, and how many words that are at least and at most. */
const allUsages: Readonly<Record<string, readonly [string, number, number]>> = {
  cut: ['cut REGION', 1, 1],
  hang: ['hang REGION', 1, 1],
  refuse: ['refuse REGION', 1, 1],
  kill: ['kill REGION, or kill REGION WORKER', 1, 2],
  slow: ['slow REGION REGION 80ms', 3, 3],
  clock: ['clock +8d', 1, 1],
  heal: ['heal', 0, 0],
  status: ['status', 0, 0],
}

/** Only a service with workers breaks one of those. */
function usagesOf(more: MoreCommands): typeof allUsages {
  return Object.hasOwn(more, 'hang') ? { ...allUsages, hang: ['hang REGION, or hang REGION WORKER', 1, 2] } : allUsages
}

/** Says how it is typed. Undefined: nothing is wrong, or it is not about faults. */
function wrongWords(name: string, count: number, more: MoreCommands): string | undefined {
  const mayKill = Object.hasOwn(more, 'kill')
  const usages = usagesOf(more)
  const usage = Object.hasOwn(usages, name) && (name !== 'kill' || mayKill) ? usages[name] : undefined
  if (usage === undefined) {
    if (Object.hasOwn(more, name)) return undefined
    const all = Object.keys(usages).filter((each) => each !== 'kill' || mayKill)
    return `There is no fault ${name}; use ${all.map((each) => usages[each]?.[0]).join('; ')}.`
  }
  const [typed, least, most] = usage
  return count < least || count > most ? `This is typed: ${typed}.` : undefined
}

async function perform(
  faults: FaultCommands,
  [command, first = '', second = '', delay = '']: readonly string[],
): Promise<string> {
  try {
    if (command === 'cut' || command === 'hang' || command === 'refuse') await faults.break(first, command)
    else if (command === 'clock') await faults.advance(parseStep(first))
    else if (command === 'slow') await faults.slow(first, second, parseDelay(delay))
    else if (command === 'heal') await faults.heal()
    return `ok: ${faults.describe()}`
  } catch (cause) {
    return `error: ${messageOf(cause)}`
  }
}

function parseDelay(text: string): number {
  const [, digits] = /^(\d{1,5})ms$/.exec(text) ?? []
  if (digits === undefined) throw new Error('The delay is written like 80ms.')
  return Number(digits)
}

const unitMs = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

function parseStep(text: string): number {
  const [, digits, unit] = /^\+(\d{1,4})([smhd])$/.exec(text) ?? []
  // INVARIANT: the expression lets no other unit pass.
  if (digits === undefined) throw new Error('The clock goes on by a step written like +8d, +12h, +30m or +10s.')
  return Number(digits) * unitMs[unit as keyof typeof unitMs]
}

/** Says one line to the service that uses a directory. @throws where none does. */
export function askFaultServer(directory: string, line: string): Promise<string> {
  return new Promise((answered, failed) => {
    const socket = createConnection(faultSocketPath(directory))
    let answer = ''
    socket.setEncoding('utf8')
    socket.on('connect', () => socket.write(`${line}\n`))
    socket.on('data', (part: string) => {
      answer += part
    })
    socket.on('end', () => {
      answered(answer.trim())
    })
    socket.on('error', failed)
  })
}
