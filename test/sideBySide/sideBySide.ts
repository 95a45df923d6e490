import { spawn } from 'node:child_process'

/** A command line of the shell, and what it is called where it is spoken of. */
export interface Task {
  readonly name: string
  readonly command: string
}

export interface Done {
  readonly name: string
  readonly isGood: boolean
  /** Both streams, in the order in which they came. */
  readonly output: string
  readonly seconds: number
}

/** Runs all of them, `atOnce` at a time, begun in their order: one that fails keeps none from running. Tells of each as it ends. */
export async function sideBySide(
  tasks: readonly Task[],
  atOnce: number,
  tell: (done: Done) => void,
): Promise<readonly Done[]> {
  const waiting = [...tasks]
  const ended: Done[] = []
  const work = async () => {
    for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) {
      const done = await run(task)
      ended.push(done)
      tell(done)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return ended
}

function run({ name, command }: Task): Promise<Done> {
  const started = performance.now()
  const child = spawn(command, { shell: true, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (part: string) => (output += part))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    // Not 'exit': what it has said last may come after that. By a signal there is no code.
    child.once('close', (code) => {
      const seconds = Math.round((performance.now() - started) / 1000)
      resolve({ name, isGood: code === 0, output, seconds })
    })
  })
}
