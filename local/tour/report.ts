import { reasonOf } from './reason.ts'

export interface Terminal {
  readonly write: (text: string) => void
  /** A terminal gets a line that moves while a step runs; a file or a pipe gets finished lines only. */
  readonly isInteractive: boolean
  readonly hasColours: boolean
}

/** What a step says of its result: what later steps need, and a note for the reader. */
export interface Outcome<T> {
  readonly value: T
  readonly note: string
}

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
const frameMs = 80
const titleWidth = 56
const timeWidth = 8
const eraseLine = '\r\u001b[2K'
const colours = { green: 32, red: 31, dim: 2, bold: 1 } as const

/** Shows the steps of the tour while they run, and counts them. */
export class Report {
  readonly #terminal: Terminal
  #done = 0
  #hasFailed = false

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  get stepsDone(): number {
    return this.#done
  }

  get hasFailed(): boolean {
    return this.#hasFailed
  }

  line(text = ''): void {
    this.#terminal.write(`${text}\n`)
  }

  heading(text: string): void {
    this.line(`\n${this.paint('bold', text)}`)
  }

  paint(colour: keyof typeof colours, text: string): string {
    return this.#terminal.hasColours ? `\u001b[${colours[colour]}m${text}\u001b[0m` : text
  }

  /** Runs a step. Its failure is shown with one line that says why, and thrown on. */
  async step<T>(title: string, work: () => Promise<Outcome<T>>): Promise<T> {
    const startedAt = performance.now()
    const stop = this.#spin(title)
    try {
      const { value, note } = await work()
      stop()
      this.#done += 1
      this.#finish(this.paint('green', '✓'), title, performance.now() - startedAt, note)
      return value
    } catch (cause) {
      stop()
      this.#hasFailed = true
      this.#finish(this.paint('red', '✗'), title, performance.now() - startedAt, reasonOf(cause))
      throw cause
    }
  }

  #finish(mark: string, title: string, ms: number, note: string): void {
    const time = `${ms.toFixed(0)} ms`.padStart(timeWidth)
    this.line(`  ${mark} ${title.padEnd(titleWidth)}${time}   ${this.paint('dim', note)}`.trimEnd())
  }

  #spin(title: string): () => void {
    const { isInteractive, write } = this.#terminal
    if (!isInteractive) return () => undefined
    let frame = 0
    const draw = () => {
      write(`${eraseLine}  ${frames[frame++ % frames.length] ?? ''} ${title}`)
    }
    draw()
    const timer = setInterval(draw, frameMs)
    return () => {
      clearInterval(timer)
      write(eraseLine)
    }
  }
}
