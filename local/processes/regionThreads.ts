/**
 * What a region's process with tokens is started with. Node works with the disk, with OpenSSL and with a token off its event loops by
 * one pool of threads, all workers together, and a call into a library cannot be ended: of these one token takes 16 at most
 * (SessionPool), so that some that hang leave enough to all others. Who sets another number has it. Without tokens nothing hangs, and
 * Node's few threads leave the event loops their share of the cores.
 */
export function regionEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return environment['HSM'] === 'pkcs11' ? { UV_THREADPOOL_SIZE: '128', ...environment } : environment
}
