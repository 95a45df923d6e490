import type { CommitMark, CommitRun } from '../../commitMark.ts'

/** How far a region has come by itself, and how far a peer knows that it had come. */
export interface MissingChanges {
  readonly has: number
  readonly knows: number
}

export interface OwnChanges {
  /** How many there were when this process began. */
  readonly has: number
  readonly runOf: (mark: number) => CommitRun | undefined
}

/**
 * Whether a region lacks what a peer knows of: it has fewer changes, or another run made the one with that number. The latter is
 * an older copy that has gone on by itself; then what it has in common with the peer ends where its own run began, or before.
 */
export function missingChanges({ has, runOf }: OwnChanges, { mark, run }: CommitMark): MissingChanges | undefined {
  if (mark > has) return { has, knows: mark }
  const own = run === undefined ? undefined : runOf(mark)
  return own === undefined || own.id === run ? undefined : { has: own.first, knows: mark }
}
