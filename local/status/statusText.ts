import { nothingBroken } from '../region/faults.ts'
import type { RegionHealth } from '../region/regionHealth.ts'
import type { CloudStatus, RegionStatus } from './cloudStatus.ts'

/** For a person: a region after the other, with what wants one first. */
export function statusText({ homeRegion, faults, regions, version }: CloudStatus): string {
  const width = Math.max(...regions.map(({ region }) => region.length))
  const blocks = regions.map((each) => regionText(each, width, each.region === homeRegion))
  return [`Vaultspan ${version}; ${summary(faults, regions)}`, ...blocks].join('\n\n')
}

/** What is broken on purpose, and what is not well by itself. */
function summary(faults: string, regions: CloudStatus['regions']): string {
  const unwell = regions.flatMap(({ region, status }) =>
    // What is broken on purpose is among the faults.
    status === 'ok' || status === 'broken' ? [] : [`${region} is ${status}`],
  )
  return [...(faults === nothingBroken && unwell.length > 0 ? [] : [faults]), ...unwell].join('; ')
}

function regionText(
  { region, endpoint, status, fault, vaults, replicas, health }: RegionStatus,
  width: number,
  isHome: boolean,
): string {
  const head = `${region.padEnd(width)}  ${status.padEnd(8)}  ${endpoint}${isHome ? '   home region' : ''}`
  if (health === null) return `${head}\n  its process does not answer; it is started again by itself where it ended`
  const { queues, links, audit } = health
  return [
    head,
    ...faultLines(fault).map((line) => `  ! ${line}`),
    ...troubles(health).map((line) => `  ! ${line}`),
    `  ${counted(vaults ?? 0, 'vault')}, ${counted(replicas ?? 0, 'replica')}`,
    ...links.map((link) => `  ${linkText(link)}`),
    `  queues: inbox ${queues.inbox}, outbox ${queues.outbox}, dead letters ${queues.deadLetters}; audit events lost: ${audit.lost}`,
  ].join('\n')
}

/** Of what is broken on purpose. */
export function faultLines(fault: string | undefined): readonly string[] {
  return fault === undefined ? [] : [`${fault}, on purpose, until faults heal`]
}

/** What a person should act on (docs/operating.md, Watch). */
export function troubles({
  notAnswering,
  takesWrites,
  isHsmAnswering,
  awayTokens = [],
  putBack,
  queues,
  links,
  audit,
}: RegionHealth): readonly string[] {
  return [
    ...notAnswering.map((peer) => `${peer} takes no messages`),
    ...awayTokens.map((label) => `token ${label} does not answer: its private vault answers 503`),
    ...(takesWrites ? [] : ['the disk takes no writes']),
    ...(isHsmAnswering ? [] : ['its HSM does not answer: no call that needs a vault’s keys does (docs/hsm.md)']),
    ...(putBack === undefined
      ? []
      : [
          `was put back to an older copy: ${putBack.missingChanges} changes missing, ${putBack.lostVaults} vaults lost`,
        ]),
    ...(queues.deadLetters > 0 ? [`dead letters: ${queues.deadLetters}; see redrive list`] : []),
    ...(audit.lost > 0 ? [`audit events lost: ${audit.lost}`] : []),
    ...links.flatMap(({ peer, atRisk, behind, diverged }) => [
      ...(atRisk > 0 ? [`${counted(atRisk, 'change')} that ${peer} has not: at risk`] : []),
      ...(behind > 0 ? [`${counted(behind, 'vault')} behind in ${peer}`] : []),
      ...(diverged > 0 ? [`${peer} did not have ${counted(diverged, 'resource')} that it had acknowledged`] : []),
    ]),
  ]
}

function linkText({ peer, lagMs, vaults, atRisk, behind }: RegionHealth['links'][number]): string {
  const lag =
    lagMs.last === null ? 'no change measured yet' : `lag ${ms(lagMs.last)}, p50 ${ms(lagMs.p50)}, p99 ${ms(lagMs.p99)}`
  return `to ${peer}: ${counted(vaults, 'vault')}, ${lag}; at risk ${atRisk}, behind ${behind}`
}

function ms(value: number | null): string {
  return value === null ? '?' : `${Math.round(value)} ms`
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
