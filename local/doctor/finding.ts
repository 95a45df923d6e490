/** One line of `vaultspan doctor`. */
export interface Finding {
  readonly level: 'ok' | 'warn' | 'fail'
  readonly says: string
  /** What puts it right, of all that is not ok. */
  readonly remedy?: string
}

export function ok(says: string): Finding {
  return { level: 'ok', says }
}

export function warn(says: string, remedy: string): Finding {
  return { level: 'warn', says, remedy }
}

export function fail(says: string, remedy: string): Finding {
  return { level: 'fail', says, remedy }
}

export function findingText({ level, says, remedy }: Finding): string {
  return `${level.padEnd(4)}  ${says}${remedy === undefined ? '' : `\n      → ${remedy}`}`
}
