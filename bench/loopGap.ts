import { writeFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { isMainThread } from 'node:worker_threads'

/** Loaded into the measured service: SIGUSR2 writes the longest time its event loop stood still since the last one, ms. */
const delay = monitorEventLoopDelay({ resolution: 1 })
delay.enable()
// Signals come to the main thread alone.
if (isMainThread) {
  process.on('SIGUSR2', () => {
    writeFileSync(`${process.env['LOOP_GAP_FILE'] ?? ''}.${process.pid}`, String(delay.max / 1e6))
    delay.reset()
  })
}
