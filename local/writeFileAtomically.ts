import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs'

/** Readers see the old file or the new one, also after a crash. */
export function writeFileAtomically(file: string, text: string, mode: number): void {
  const draft = `${file}.new`
  const descriptor = openSync(draft, 'w', mode)
  try {
    writeSync(descriptor, text)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  renameSync(draft, file)
}
