import { workerData } from 'node:worker_threads'

/** Ends the process when its parent has ended, also while its event loop stands still: that one hears of nothing then. */
const everyMs = 500

setInterval(() => {
  if (process.ppid !== workerData) process.kill(process.pid, 'SIGKILL')
}, everyMs)
