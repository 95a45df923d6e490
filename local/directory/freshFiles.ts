import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { refusedPinsSuffix } from '../hsm/refusedPins.ts'
import { ownerFileName } from '../hsm/tokenOwner.ts'

/** What the first start in a directory makes can be taken back, but for a refused PIN, and who it is to tokens that are marked so; what lay there before stays. */
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
    const stays = existsSync(this.#path)
      ? filesBelow(this.#path).filter((name) => name.endsWith(refusedPinsSuffix) || name === join('hsm', ownerFileName))
      : []
    const before = this.#before ?? (stays.length === 0 ? undefined : new Set<string>())
    if (before === undefined) {
      rmSync(this.#path, { recursive: true, force: true })
      return
    }
    for (const name of filesBelow(this.#path)) {
      const isKept = before.has(name) || stays.some((each) => each === name || each.startsWith(`${name}/`))
      if (!isKept) rmSync(join(this.#path, name), { recursive: true, force: true })
    }
  }
}

function filesBelow(path: string): readonly string[] {
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
}
