import { writeFileSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'
import { Standstill } from './standstill.ts'

/** Loaded into the measured service: SIGUSR2 writes how long its event loop stood still since the last one. */
// Signals come to the main thread alone.
if (isMainThread) {
  const standstill = new Standstill()
  process.on('SIGUSR2', () => {
    writeFileSync(`${process.env['LOOP_GAP_FILE'] ?? ''}.${process.pid}`, JSON.stringify(standstill.take()))
  })
}
