/** One line of the product made wrong on purpose, and what must notice. */
export interface SeededFault {
  readonly name: string
  /** From the root of the repository. */
  readonly file: string
  /** Must stand in the file exactly once: a row that the code has left behind fails loudly. */
  readonly find: string
  readonly replace: string
  /** A test file, one of whose tests fails; undefined: 1,000 schedules of the simulation. */
  readonly caughtBy?: { readonly test: string }
}

/** The file's text with the fault in it. @throws where the row does not fit the file any more. */
export function planted(fault: SeededFault, text: string): string {
  const places = text.split(fault.find).length - 1
  if (places !== 1) {
    throw new Error(`The seeded fault "${fault.name}" finds its text ${places} times in ${fault.file}: mend its row.`)
  }
  return text.replace(fault.find, () => fault.replace)
}
