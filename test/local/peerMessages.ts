import { request } from 'node:http'

/** What no region takes from another: its name, the path, the body, and the status of the refusal. */
export const refusedMessages: readonly (readonly [string, string, string, number])[] = [
  ['no JSON', '/queues/inbox', 'x', 400],
  ['no list', '/queues/inbox', '{}', 400],
  ['a message without a body', '/queues/inbox', '[{}]', 400],
  ['a message that nobody signed', '/queues/inbox', JSON.stringify([{ body: '{}' }]), 403],
  [
    'a task that only a region itself may leave',
    '/queues/inbox',
    JSON.stringify([{ body: '{"format":"vaultspan/task/1","task":"purgeKeys","vaultId":"v"}' }]),
    403,
  ],
  ['anything to the outbox', '/queues/outbox', '[]', 404],
  ['too much', '/queues/outcome', `[${' '.repeat(7 * 1024 * 1024)}]`, 413],
]

/** The status that a region's socket answers. */
export function post(socketPath: string, path: string, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, path, method: 'POST' }, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    sent.once('error', reject)
    sent.end(body)
  })
}
