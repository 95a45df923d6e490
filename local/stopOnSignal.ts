/** The first signal shuts down in order; a second one does not wait. */
export function stopOnSignal(cloud: { close(): Promise<void> }): void {
  let isStopping = false
  const stop = () => {
    if (isStopping) process.exit(1)
    isStopping = true
    void cloud.close().then(() => process.exit(0))
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
}
