/** How commands are typed: as npm scripts in a clone, whose sources are TypeScript; as words of `vaultspan` where the package is installed. */
const isPackage = !import.meta.url.endsWith('.ts')

/** A command with its arguments, e.g. `typed('faults', 'heal')`: `npm run faults -- heal` or `vaultspan faults heal`. */
export function typed(command: string, ...args: readonly string[]): string {
  if (isPackage || command === '') return ['vaultspan', ...(command === '' ? [] : [command]), ...args].join(' ')
  // The script is named after the first word; those behind it are arguments to npm.
  const [script = '', ...words] = [...command.split(' '), ...args]
  const beginning = script === 'start' ? 'npm start' : `npm run ${script}`
  return [beginning, ...(words.length > 0 ? ['--'] : []), ...words].join(' ')
}
