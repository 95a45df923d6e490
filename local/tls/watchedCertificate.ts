import { statSync } from 'node:fs'
import type { Logger } from '../../lib/ports.ts'
import { messageOf } from '../../lib/userError.ts'
import type { Certificate, CertificateFiles } from './certificateFiles.ts'

/** What a listener needs of the certificate that it shows. */
export interface ServedCertificate {
  readonly current: Certificate
  /** Called with each one that takes the place of the last; returns what ends it. */
  onChange(take: (next: Certificate) => void): () => void
}

/** So often files are looked at; two looks in a row must see the same. */
const everyMs = 1000

export interface WatchedOptions {
  readonly files: CertificateFiles
  /** @throws with one line where they cannot be used. */
  readonly read: () => Certificate
  readonly log: Pick<Logger, 'info' | 'warn'>
  readonly region: string
}

/** A certificate whose files may change: a good one is taken, a bad one is said once and the old one stays. */
export class WatchedCertificate implements ServedCertificate {
  readonly #options: WatchedOptions
  readonly #listeners = new Set<(next: Certificate) => void>()
  readonly #timer: NodeJS.Timeout
  #current: Certificate
  /** Of what was read last, good or bad, and of what was seen last. */
  #read: string
  #seen: string

  /** @throws with one line where the files cannot be used. */
  constructor(options: WatchedOptions) {
    this.#options = options
    this.#read = this.#seen = this.#stamp()
    this.#current = options.read()
    this.#timer = setInterval(() => {
      this.look()
    }, everyMs).unref()
  }

  get current(): Certificate {
    return this.#current
  }

  onChange(take: (next: Certificate) => void): () => void {
    this.#listeners.add(take)
    return () => this.#listeners.delete(take)
  }

  /** Two files are not replaced at once: they are read when they have come to rest. */
  look(): void {
    const stamp = this.#stamp()
    const isAtRest = stamp === this.#seen
    this.#seen = stamp
    if (!isAtRest || stamp === this.#read) return
    this.#read = stamp
    const { read, log, region, files } = this.#options
    try {
      this.#current = read()
    } catch (cause) {
      log.warn('The certificate stays as it was: the new one cannot be used.', { region, reason: messageOf(cause) })
      return
    }
    log.info('A new certificate is in use.', { region, file: files.certFile })
    for (const take of this.#listeners) take(this.#current)
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #stamp(): string {
    const { certFile, keyFile } = this.#options.files
    return [certFile, keyFile].map(stampOf).join(' ')
  }
}

function stampOf(file: string): string {
  const found = statSync(file, { throwIfNoEntry: false })
  return found === undefined ? 'absent' : `${found.ino}:${found.size}:${found.mtimeMs}`
}
