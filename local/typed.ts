/** How commands are typed: as npm scripts in a clone, as words of `vaultspan` where the package is installed. */
let isPackage = false

export function runAsPackage(): void {
  isPackage = true
}

/** A command with its arguments, e.g. `typed('faults', 'heal')`: `npm run faults -- heal` or `vaultspan faults heal`. */
export function typed(command: string, ...args: readonly string[]): string {
  const script = command === 'start' ? 'npm start' : `npm run ${command}`
  const words = isPackage ? [`vaultspan ${command}`] : [script, ...(args.length > 0 ? ['--'] : [])]
  return [...words, ...args].join(' ')
}

/** What a newcomer runs after `start`; the tour needs Oracle's client, which the package does not carry. */
export function next(): string {
  return isPackage ? 'faults' : 'tour'
}
