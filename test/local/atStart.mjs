import { createServer } from 'node:net'
import { isMainThread } from 'node:worker_threads'

/** Loaded into each process of a service: lets one region's process die before its own program begins, or takes a port from it. */
const [, script = '', region = ''] = process.argv
const [who, what, port, host] = (process.env['AT_START'] ?? '').split(' ')
if (isMainThread && script.includes('regionMain') && region === who) {
  if (what === 'die') process.exit(7)
  const server = createServer()
  await new Promise((ready) => server.listen(Number(port), host, ready))
  server.unref()
}
