/** Where the process that started this one is gone, nobody waits for the message: the end of the channel ends this process. */
export function sendToParent(message: unknown): void {
  process.send?.(message, undefined, undefined, () => undefined)
}
