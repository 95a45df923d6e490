import { UserError } from '../userError.ts'

/** Whoever keeps a region's rows keeps this beside them: how far the HSM's state had come. */
export interface RevisionNotes {
  /** 0: nothing was ever noted. */
  readonly known: () => number
  /** Durable with the rows. */
  readonly note: (revision: number) => void
}

/**
 * How often roots, or which vault has which token, have changed in an HSM's state. An older state is one that opens other
 * vaults' rows than those that are there, and it may give a token away that a vault has: so its rows know of it.
 */
export class StateRevision {
  readonly #place: string
  readonly #current: () => number
  #notes: RevisionNotes | undefined

  constructor(place: string | undefined, current: () => number) {
    this.#place = place ?? 'in memory'
    this.#current = current
  }

  /** Before anything is done by this state. @throws UserError where the rows know of a newer one. */
  guard(notes: RevisionNotes): void {
    const [known, current] = [notes.known(), this.#current()]
    if (current < known) {
      throw new UserError(
        `The HSM state ${this.#place} is an older copy: it has change ${current} of its roots and tokens, and the data of its region knows of ${known}. Put back the newest copy of this file, or the whole directory from one snapshot; where hsm migrate was cut off, run that again.`,
      )
    }
    this.#notes = notes
    if (current > known) notes.note(current)
  }

  /** After a change was kept. A crash before it is noted leaves the notes behind, and the next start brings them up. */
  changed(): void {
    this.#notes?.note(this.#current())
  }
}
