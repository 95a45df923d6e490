import { Worker } from 'node:worker_threads'
import { createBirpc } from 'birpc'
import { join } from 'node:path'
import { besides } from '../besides.ts'
import { Faults } from '../region/faults.ts'
import { openBackups } from '../region/openBackups.ts'
import { processLogger } from '../processLogger.ts'
import { regionHost } from '../region/regionHost.ts'
import { openRegion } from '../region/openRegion.ts'
import type { Peer } from '../region/region.ts'
import { ApartRegions } from './apartRegions.ts'
import type { ComparedPeer } from './comparedPeer.ts'
import { InboxGate } from './inboxGate.ts'
import { KnownPorts } from './knownPorts.ts'
import { judgeEnvelope } from './judgeEnvelope.ts'
import { PeerSocket, serveInbox } from './peerSocket.ts'
import { peerAnswers } from './peerQuestions.ts'
import { serveTlsInbox } from './peerTls.ts'
import type { CloudServices, Opening, RegionCommands } from './protocol.ts'
import { sendToParent } from './sendToParent.ts'

/** A region in a process of its own: the cloud's process starts it, asks it by their channel, and is outlived by it never. */

const portMs = 5_000
/** Answers come in any order; a command is looked up when it is called, so those of an open region follow `open`. */
const commands: Partial<RegionCommands> = {
  open: async (opening) => {
    Object.assign(commands, await open(opening))
  },
}

const cloud = createBirpc<CloudServices, Partial<RegionCommands>>(commands, {
  post: sendToParent,
  on: (take) => process.on('message', take),
  timeout: portMs,
})

process.on('disconnect', () => process.exit(1))
// A terminal sends its signals to the whole group; the cloud's process ends this one in order.
process.on('SIGINT', () => undefined)
process.on('SIGTERM', () => undefined)
new Worker(besides('watchParent', import.meta.url), { workerData: process.ppid }).unref()

async function open({ region, path, settings, logLevel, workers, ports: rows, apart, ...rest }: Opening) {
  const log = processLogger(logLevel)
  const faults = new Faults(rest.regions)
  const ports = new KnownPorts(rows, cloud)
  const peers = new Map<string, Peer>()
  const machines =
    apart === undefined
      ? undefined
      : new ApartRegions(region, apart, (behind) => void cloud.isBehind(behind).catch(() => undefined), log)
  const others: readonly (readonly [string, PeerSocket | ComparedPeer])[] =
    machines?.peers.map((peer) => [peer.name, peer]) ??
    rest.regions.filter((name) => name !== region).map((name) => [name, new PeerSocket(path, name)])
  for (const [name, peer] of others) peers.set(name, peer)
  const opened = openRegion({
    ...rest,
    region,
    directory: { file: (...parts) => join(path, ...parts) },
    ports,
    faults,
    settings,
    backups: openBackups(path, settings),
    log,
    clock: faults.clock,
    requestClock: Date.now,
    isScheduled: true,
    ...(workers === undefined ? {} : { workers: { count: workers, logLevel } }),
    peers,
  })
  peers.set(region, opened.store.queues)
  machines?.openedWith(opened.store)
  const gate = new InboxGate()
  let serves = false
  const inboxOf = (from?: string) => ({
    queues: opened.store.queues,
    gate,
    serves: () => serves,
    judge: judgeEnvelope(opened.hsm, from),
  })
  const isCut = (peer: string) => faults.isCut(region) || faults.isCut(peer)
  const asked = regionHost(opened)
  const vaultOf = async (vaultId: string) => (await opened.runtime.cache.freshVault(vaultId))?.row
  const closeInbox = await (apart === undefined
    ? serveInbox(path, region, inboxOf())
    : serveTlsInbox({
        ...apart,
        isCut,
        inboxOf,
        answers: peerAnswers({ host: asked, tenancyId: apart.tenancyId, vaultOf }),
        log,
      }))
  const { name: _, ...host } = asked
  return {
    ...host,
    listen: async (port, vaultId) => {
      if (vaultId !== undefined) return ports.listen(port, vaultId, (wanted) => host.listen(wanted, vaultId))
      const own = await host.listen(port)
      // Its vaults' ports came before.
      serves = true
      return own
    },
    health: () =>
      serves ? host.health() : Promise.reject(new Error(`${region} does not listen for its clients yet.`)),
    break: (name, how) => faults.break(name, how),
    goTo: (aheadMs) => faults.goTo(aheadMs),
    slow: async (a, b, delayMs) => {
      faults.slow(a, b, delayMs)
    },
    heal: () => faults.heal(),
    holdInbox: () => gate.hold(),
    releaseInbox: async () => {
      gate.release()
    },
    freeze: async () => {
      if (!gate.isHeld) throw new Error(`${region} was started again meanwhile; try again.`)
      opened.store.freeze()
      return opened.store.tables.commitMark()
    },
    thaw: async () => {
      opened.store.thaw()
    },
    killWorker: async (index) => opened.killWorker(index),
    hangWorker: async (index) => opened.hangWorker(index),
    comparePeers: async () => machines?.compare() ?? [],
    takeBack: async (behind) => {
      if (machines === undefined || apart === undefined) throw new Error('All regions are on this machine.')
      await machines.takeBack(asked, rest, apart, behind, log)
    },
    close: async () => {
      await closeInbox()
      for (const [, peer] of others) peer.close()
      await host.close()
      // The answer goes out first.
      setImmediate(() => process.exit(0))
    },
  } satisfies Omit<RegionCommands, 'open'>
}
