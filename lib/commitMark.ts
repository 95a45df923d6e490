/** How far a region has come. */
export interface CommitMark {
  /** How many changes it has committed. */
  readonly mark: number
  /** The id of the run that made the last of them, where that is known. */
  readonly run?: string
}

/** What a store committed between two openings of it. */
export interface CommitRun {
  readonly id: string
  /** How many changes there were before it. */
  readonly first: number
}
