import { parentPort, workerData } from 'node:worker_threads'
import { createBirpc } from 'birpc'
import { cryptoFunction } from '../../handlers/crypto/cryptoFunction.ts'
import type { HttpFunction } from '../../lib/http/httpFunction.ts'
import type { FunctionName } from '../../lib/http/operations.ts'
import { HttpGateway } from '../gateway/httpGateway.ts'
import { maxFileBytes } from '../region/openBackups.ts'
import { processLogger } from '../processLogger.ts'
import { openCertificate } from '../tls/openCertificate.ts'
import { composeWorker } from './composeWorker.ts'
import { EventWriter, lineOf } from './eventRing.ts'
import type { AuditText } from '../../lib/kms/audit.ts'
import type { WorkerCommands, WorkerStart } from './protocol.ts'
import { eventsWait, type RegionServices } from './protocol.ts'

/**
 * A thread that answers at every port of its region. Crypto it computes itself; all else it hands to the region's own
 * thread. What it sends is in order: an object is birpc's, all else is about events (protocol.ts).
 */
const start = workerData as WorkerStart
const port = parentPort
if (port === null) throw new Error('This is started as a worker.')

/** How often it shows that it goes on. */
const beatMs = 100
/** Notices are taken at the start of each request; an idle worker takes them so often, so that they do not pile up. */
const idleCatchUpMs = 200
const maxUnreadBytes = 128 * 1024 * 1024

const listeners = new Map<number, Promise<number>>()
const log = processLogger(start.logLevel)
const commands: WorkerCommands = {
  listen,
  counted: async () => own.requests.counted(),
  stand: async (how) => {
    gateway.stand(how)
  },
  hang: async () => {
    // Its answer goes out first.
    setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)), 0, 0))
  },
  closeListeners: async () => {
    listeners.clear()
    await gateway.close()
  },
  end: async () => {
    await gateway.drain()
    clearInterval(timer)
    clearInterval(beat)
    certificate?.close()
    own.close()
  },
}
const region = createBirpc<RegionServices, WorkerCommands>(commands, {
  post: (message) => {
    port.postMessage(message)
  },
  on: (take) => port.on('message', take),
  timeout: -1,
})
const events = new EventWriter(start.events, () => {
  port.postMessage(eventsWait)
})
const keepEvent = (event: AuditText) => {
  const line = lineOf(event)
  // The region takes what lies in the ring before it takes this one.
  if (!events.write(line)) port.postMessage(line)
}
const own = composeWorker(start, region, keepEvent, log)
// The region's own thread says what is wrong with a new one, once.
const certificate = openCertificate(start.region, start.settings, { info: () => undefined, warn: () => undefined })
const gateway = new HttpGateway({
  functions: functions(),
  health: () => region.health(),
  metrics: () => region.metrics(),
  requestWatch: own.runtime.requestWatch,
  maxFileBytes,
  onError: (cause) => {
    log.error('The gateway failed.', cause)
  },
  isOwnHost: (host, at) => {
    own.catchUp()
    return own.hosts.isOwnHost(host, at)
  },
  maxUnreadBytes: maxUnreadBytes / start.count,
  certificate,
})
const beat = setInterval(() => Atomics.add(start.beats, 0, 1), beatMs)
let areAway = false
const timer = setInterval(() => {
  own.catchUp()
  const away = own.awayTokens()
  if (away.length > 0 || areAway) void region.tokensAway(away).catch(() => undefined)
  areAway = away.length > 0
}, idleCatchUpMs)

/** A worker that was started again is told of a port twice, where a vault gets one at that moment. */
async function listen(wanted: number, host: string): Promise<number> {
  if (wanted === 0) return gateway.listen(wanted, host, true)
  const listening = listeners.get(wanted) ?? gateway.listen(wanted, host, true)
  listeners.set(wanted, listening)
  return listening.catch((cause: unknown) => {
    listeners.delete(wanted)
    throw cause
  })
}

function functions(): Record<FunctionName, HttpFunction> {
  const answer = cryptoFunction(own.runtime)
  const handOver =
    (serves: FunctionName): HttpFunction =>
    (event) =>
      region.answer(serves, event)
  return {
    vault: handOver('vault'),
    keys: handOver('keys'),
    identity: handOver('identity'),
    audit: handOver('audit'),
    crypto: (event) => {
      // INVARIANT: before anything cached is looked at. What was answered before this request came is known from here on.
      own.catchUp()
      Atomics.add(start.answered, 0, 1)
      return answer(event)
    },
  }
}
