const parentCheckMs = 200

/** The first signal shuts down in order; a second one does not wait. */
export function stopOnSignal(cloud: { close(): Promise<void> }): void {
  let stopped: Promise<void> | undefined
  const stop = () => {
    stopped ??= cloud.close().then(() => process.exit(0))
  }
  const onSignal = () => {
    if (stopped !== undefined) process.exit(1)
    stop()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  if (process.env['npm_lifecycle_event'] !== undefined) whenParentEnds(stop)
}

/** npm hands a signal to the shell that it started, which dies of it and tells nobody: its child has another parent then. */
function whenParentEnds(stop: () => void): void {
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    stop()
  }, parentCheckMs).unref()
}
