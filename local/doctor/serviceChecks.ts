import { lookup } from 'node:dns/promises'
import { createConnection } from 'node:net'
import { freePort } from '../gateway/requireFreePorts.ts'
import type { ApartPlace } from '../status/cloudStatus.ts'
import type { RegionHealth } from '../region/regionHealth.ts'
import { faultLines, troubles } from '../status/statusText.ts'
import { stuckTroubles } from '../status/stuckTroubles.ts'
import { typed } from '../typed.ts'
import { custodyFinding } from './custodyFinding.ts'
import { fail, ok, warn, type Finding } from './finding.ts'
import type { Patient } from './patient.ts'

const patienceMs = 2_000

/** Regions, peers and queues as the running service sees them. */
export function regionsCheck({ data, status }: Pick<Patient, 'data' | 'status'>): readonly Finding[] {
  if (status === undefined) return [ok('no service runs on it now')]
  const heal = `It is broken on purpose: ${typed('faults', 'heal', '--data', data)} ends that.`
  return status.regions.flatMap(({ region, status: how, fault, unverified, custody = [], stuckReplicas, health }) => {
    if (health === null) {
      return [
        fail(
          `${region} does not answer.`,
          'It is started again by itself; where it goes on, the service’s log says why it ends.',
        ),
      ]
    }
    const wrong = [
      ...faultLines(fault).map((says) => ({ says, remedy: heal })),
      ...troubles(health, unverified),
      ...stuckTroubles(stuckReplicas),
    ]
    const found = wrong.map(({ says, remedy }) => (how === 'ok' ? warn : fail)(`${region}: ${says}`, remedy))
    const serves = wrong.length === 0 ? [ok(`${region} serves, and its peers take messages`)] : found
    return [...serves, ...poolFindings(region, health), ...custody.map((trouble) => custodyFinding(region, trouble))]
  })
}

/** One that has given all its tokens away serves what it has. */
function poolFindings(region: string, { privateTokens }: RegionHealth): readonly Finding[] {
  if (privateTokens === undefined || privateTokens.free > 0) return []
  return [
    warn(
      `${region}: no token is free for another private vault (${privateTokens.taken} taken, ${privateTokens.spent} spent)`,
      'Where there is to be another: stop the service and run hsm init --private N, with a higher N, or the same where one is spent (docs/hsm.md).',
    ),
  ]
}

/** Where a running service is to be reached, or where one that is stopped would listen. */
export async function portsCheck(patient: Patient): Promise<readonly Finding[]> {
  if (patient.status === undefined) return freePortsCheck(patient)
  const reached = await reachedCheck(patient.status.regions)
  return patient.apart === undefined ? reached : [...reached, await inboxCheck(patient.apart)]
}

/** Where the other regions send to this one. */
async function inboxCheck({ region, peerAddress }: ApartPlace): Promise<Finding> {
  const { hostname, port } = new URL(`tcp://${peerAddress}`)
  if (await connects(hostname.replace(/^\[|\]$/g, ''), Number(port)))
    return ok(`${peerAddress} of ${region} takes connections of other regions`)
  return fail(
    `${peerAddress} of ${region} takes no connection of other regions.`,
    `See that it is an address of this machine; change it by ${typed('region', 'set', '--address', 'HOST:PORT')} while it is stopped.`,
  )
}

async function freePortsCheck({ endpoints = [], ports, apart }: Patient): Promise<readonly Finding[]> {
  const regions = apart === undefined ? portsOf(endpoints) : apartPorts(apart)
  const wanted = [...regions, ...ports.map(({ port, region }) => ({ port, region, host: '127.0.0.1' }))]
  const taken: Finding[] = []
  for (const { port, region, host } of wanted) {
    await freePort(port, host).catch((cause: unknown) => {
      const { code } = cause as NodeJS.ErrnoException
      const says = `Port ${port} of ${region} cannot be listened on (${code ?? 'unknown'}).`
      taken.push(fail(says, 'Stop the process that has it (ss -ltnp shows which), or start with another --port.'))
    })
  }
  return taken.length > 0 || wanted.length === 0
    ? taken
    : [ok(`${wanted.length} ports are free for its regions and vaults`)]
}

function portsOf(endpoints: NonNullable<Patient['endpoints']>) {
  return endpoints.flatMap(({ region, endpoint }) => {
    const { hostname, port } = new URL(endpoint)
    return port === '' ? [] : [{ port: Number(port), region, host: hostname === '127.0.0.1' ? hostname : '0.0.0.0' }]
  })
}

function apartPorts({ region, host, port, peerAddress }: ApartPlace) {
  const inbox = new URL(`tcp://${peerAddress}`)
  return [
    { port, region, host },
    { port: Number(inbox.port), region, host: inbox.hostname.replace(/^\[|\]$/g, '') },
  ]
}

async function reachedCheck(
  regions: readonly { readonly region: string; readonly endpoint: string }[],
): Promise<readonly Finding[]> {
  return Promise.all(
    regions.map(async ({ region, endpoint }) => {
      const { hostname, port, protocol } = new URL(endpoint)
      const host = hostname.replace(/^\[|\]$/g, '')
      const address = await lookup(host).catch(() => undefined)
      if (address === undefined) {
        return warn(
          `${host} is not resolved on this machine.`,
          `Put the lines of ${typed('hosts')} into /etc/hosts, or into your DNS.`,
        )
      }
      const number = port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port)
      if (await connects(address.address, number)) return ok(`${endpoint} of ${region} takes connections`)
      return fail(
        `${endpoint} of ${region} takes no connection.`,
        'Heal the region where it is cut off; else look at what lies between: proxy, firewall, --advertise.',
      )
    }),
  )
}

function connects(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port, timeout: patienceMs })
    const answer = (is: boolean) => {
      socket.destroy()
      resolve(is)
    }
    socket.once('connect', () => {
      answer(true)
    })
    for (const event of ['error', 'timeout']) {
      socket.once(event, () => {
        answer(false)
      })
    }
  })
}
