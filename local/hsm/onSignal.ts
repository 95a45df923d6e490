const signals = { SIGINT: 130, SIGTERM: 143 } as const

/** Until `end`, a signal has this done before the process ends of it. */
export function onSignal(clean: () => void): { readonly end: () => void } {
  const stop = (signal: keyof typeof signals) => {
    clean()
    console.error('It was broken off, and its shares are removed. Begin it again: tokens that it made are made anew.')
    process.exit(signals[signal])
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  return {
    end: () => {
      process.off('SIGINT', stop)
      process.off('SIGTERM', stop)
    },
  }
}
