import { existsSync, readFileSync } from 'node:fs'
import * as v from 'valibot'
import { parseJson } from '../../../parseJson.ts'
import type { RootChecks } from '../../rootChecks.ts'

/** For each token of a region, by label. */
export type AllRootChecks = Readonly<Record<string, RootChecks>>

export const rootChecksSchema = v.record(v.string(), v.record(v.string(), v.string()))

/**
 * Which roots are this service's, by what they are and not by what an object in the token is called: a label, and a key of known
 * value under it, is made by whoever has the PIN. It stands in the region's state, under whose MAC each next root is written
 * before it wraps anything.
 */
export class KnownRoots {
  readonly #all: Map<string, RootChecks>
  readonly #making = new Set<string>()

  constructor(all: AllRootChecks = {}) {
    this.#all = new Map(Object.entries(all))
  }

  /** Of what stands in the state's file, whatever its MAC: that is checked by the very roots which are found by this. */
  static in(file: string | undefined): KnownRoots {
    if (file === undefined || !existsSync(file)) return new KnownRoots()
    try {
      const parsed = v.safeParse(stateSchema, parseJson(readFileSync(file, 'utf8')))
      return new KnownRoots(parsed.success ? current(parsed.output) : {})
    } catch (cause) {
      if (cause instanceof SyntaxError) return new KnownRoots()
      throw cause
    }
  }

  /** Undefined: nothing stands about this token, as before its first use, and in a state of an older version. */
  of(label: string): RootChecks | undefined {
    return this.#all.get(label)
  }

  set(label: string, checks: RootChecks | undefined): void {
    if (checks === undefined) this.#all.delete(label)
    else this.#all.set(label, checks)
  }

  /** While roots are made there that nobody knows yet. */
  async whileMakingIn<T>(label: string, make: () => Promise<T>): Promise<T> {
    this.#making.add(label)
    try {
      return await make()
    } finally {
      this.#making.delete(label)
    }
  }

  isMakingIn(label: string): boolean {
    return this.#making.has(label)
  }

  all(): AllRootChecks {
    return Object.fromEntries(this.#all)
  }
}

const stateSchema = v.looseObject({
  token: v.string(),
  roots: v.exactOptional(v.array(v.number())),
  rootChecks: v.exactOptional(rootChecksSchema),
})

/** An older version, which passes the checks on as they are, may have rotated meanwhile: then they are of roots that are gone. */
export function current({ token, roots = [], rootChecks = {} }: v.InferOutput<typeof stateSchema>): AllRootChecks {
  const own = rootChecks[token]
  return own === undefined || roots.every((generation) => Object.hasOwn(own, generation)) ? rootChecks : {}
}
