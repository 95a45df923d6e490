import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** What the first start in a directory makes can be taken back; what lay there before stays. */
export class FreshFiles {
  readonly #path: string
  readonly #before: ReadonlySet<string> | undefined

  /** Looks at the directory before anything is made in it. Undefined where it is none, or cannot be read: nothing is taken back there. */
  static in(path: string): FreshFiles | undefined {
    try {
      return new FreshFiles(path, existsSync(path) ? new Set(filesBelow(path)) : undefined)
    } catch {
      return undefined
    }
  }

  private constructor(path: string, before: ReadonlySet<string> | undefined) {
    this.#path = path
    this.#before = before
  }

  remove(): void {
    const before = this.#before
    if (before === undefined) {
      rmSync(this.#path, { recursive: true, force: true })
      return
    }
    for (const name of filesBelow(this.#path)) {
      if (!before.has(name)) rmSync(join(this.#path, name), { recursive: true, force: true })
    }
  }
}

function filesBelow(path: string): readonly string[] {
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
}
