import { rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { setInterval } from 'node:timers'
import { isMainThread, workerData } from 'node:worker_threads'

/** Loaded into each thread of a service: one worker, of whichever region, is in a call of a library for ever from then on that the file is there. */
if (!isMainThread && workerData?.beats !== undefined) {
  setInterval(() => {
    try {
      rmSync(join(process.env['NEVER_RETURNS'], workerData.region))
    } catch {
      return
    }
    createRequire(import.meta.url)('koffi')
      .load('libc.so.6')
      .func('unsigned int sleep(unsigned int)')(3_600)
  }, 20).unref()
}
