import { createHash } from 'node:crypto'
import { chmodSync, lstatSync, mkdirSync, rmSync } from 'node:fs'
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join, resolve } from 'node:path'
import type { Faults } from './faults.ts'
import type { HostDirectory } from './hostDirectory.ts'
import { UserError, messageOf } from '../lib/userError.ts'

/** A Unix socket's path ends at about 107 bytes; a longer one moves to the temporary directory, under a name of its own. */
const maxPathBytes = 100

export function faultSocketPath(directory: string): string {
  const path = join(resolve(directory), 'faults.sock')
  if (Buffer.byteLength(path) <= maxPathBytes) return path
  const name = createHash('sha256').update(resolve(directory)).digest('hex').slice(0, 16)
  return join(tmpdir(), `vaultspan-${userInfo().uid}`, `${name}.sock`)
}

/** What else can be asked of the service at its socket, by the line's first word. @throws with a line for a person. */
export type MoreCommands = Readonly<Record<string, (words: readonly string[]) => Promise<string>>>

type FaultCommands = Pick<Faults, 'cut' | 'slow' | 'heal' | 'describe'>

/** Takes one line, `cut REGION`, `slow A B 80ms`, `heal` or `status`, and answers with one. Only its owner can open it. */
export class FaultServer {
  readonly #server: Server
  readonly #path: string

  /** Undefined for a cloud in memory, which nobody else can find. */
  static async open(
    directory: HostDirectory,
    faults: FaultCommands,
    more: MoreCommands = {},
  ): Promise<FaultServer | undefined> {
    if (directory.path === undefined) return undefined
    const path = faultSocketPath(directory.path)
    if (!path.startsWith(directory.path)) requirePrivate(join(path, '..'))
    // The directory's lock is held, so a socket that is there was left by a process that died.
    rmSync(path, { force: true })
    const server = createServer((socket) => {
      serve(socket, faults, more)
    })
    const umask = process.umask(0o177)
    try {
      await new Promise<void>((ready, failed) => {
        server.once('error', failed)
        server.listen(path, ready)
      })
    } finally {
      process.umask(umask)
    }
    chmodSync(path, 0o600)
    return new FaultServer(server, path)
  }

  private constructor(server: Server, path: string) {
    this.#server = server
    this.#path = path
  }

  async close(): Promise<void> {
    await new Promise((done) => this.#server.close(done))
    rmSync(this.#path, { force: true })
  }
}

/** Anybody may make a directory in the temporary one: whose it is must be looked at before a socket is put there. */
function requirePrivate(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const found = lstatSync(folder)
  const isMine = found.uid === userInfo().uid || process.platform === 'win32'
  if (found.isDirectory() && isMine && (found.mode & 0o077) === 0) return
  throw new UserError(`${folder} must be a directory that only you can open; remove it or set its mode to 0700.`)
}

function serve(socket: Socket, faults: FaultCommands, more: MoreCommands): void {
  let text = ''
  socket.setEncoding('utf8')
  socket.on('error', () => socket.destroy())
  socket.on('data', (part: string) => {
    text += part
    if (text.length > 1000) socket.destroy()
    if (!text.includes('\n')) return
    void performAny(faults, more, text.trim().split(/\s+/)).then((answer) => socket.end(`${answer}\n`))
  })
}

async function performAny(faults: FaultCommands, more: MoreCommands, words: readonly string[]): Promise<string> {
  const [name = ''] = words
  const other = Object.hasOwn(more, name) ? more[name] : undefined
  if (other === undefined) return perform(faults, words)
  try {
    return `ok: ${await other(words)}`
  } catch (cause) {
    return `error: ${messageOf(cause)}`
  }
}

async function perform(
  faults: FaultCommands,
  [command, first = '', second = '', delay = '']: readonly string[],
): Promise<string> {
  try {
    if (command === 'cut') await faults.cut(first)
    else if (command === 'slow') faults.slow(first, second, parseDelay(delay))
    else if (command === 'heal') await faults.heal()
    else if (command !== 'status')
      return `error: There is no such command; use cut REGION, slow REGION REGION 80ms, heal or status.`
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
