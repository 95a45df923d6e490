/**
 * Listens on a port of which it is known whose it is before it takes a connection: whoever calls again and again until a
 * region is back would else be told for a moment that nothing is found there. Port 0 takes any free one, which nobody can call
 * before it is given out. `know` stays where the port is taken: nothing comes here through it. Resolves with the port.
 */
export async function listenKnown(
  port: number,
  know: (port: number) => void,
  listen: (port: number) => Promise<number>,
): Promise<number> {
  if (port !== 0) know(port)
  const actual = await listen(port)
  if (actual !== port) know(actual)
  return actual
}
