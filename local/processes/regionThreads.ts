/**
 * What a region's process is started with. Node works with the disk, with OpenSSL and with a token off its event loops by one pool of
 * threads, all workers together, and a call into a library cannot be ended: of these one token takes 16 at most (SessionPool), so that
 * some that hang leave enough to all others. Who sets another number has it.
 */
export function regionEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { UV_THREADPOOL_SIZE: '128', ...environment }
}
