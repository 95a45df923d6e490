import type { Broken } from '../region/faults.ts'

/** What answers at a region's ports: in its own thread (HttpGateway) or in workers. */
export interface Gateway {
  /** Port 0 takes any free one. Resolves with the port. @throws the system's error where the port is taken. */
  listen(port: number, host: string): Promise<number>
  isListening(port: number): boolean
  /** How it is broken on purpose; undefined: not at all. */
  stand(how: Broken | undefined): Promise<void> | void
  /** Sockets are reset, as when a region is lost. */
  close(): Promise<void>
  /** Lets running requests finish, then closes for good. */
  drain(): Promise<void>
}
