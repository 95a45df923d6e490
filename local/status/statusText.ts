import { nothingBroken } from '../region/faults.ts'
import type { RegionHealth } from '../region/regionHealth.ts'
import type { CloudStatus, RegionStatus } from './cloudStatus.ts'
import { stuckTroubles } from './stuckTroubles.ts'

/** For a person: a region after the other, with what wants one first. */
export function statusText({ homeRegion, faults, regions, version }: CloudStatus): string {
  const width = Math.max(...regions.map(({ region }) => region.length))
  const blocks = regions.map((each) => regionText(each, width, each.region === homeRegion))
  return [`Vaultspan ${version}; ${summary(faults, regions)}`, ...blocks].join('\n\n')
}

/** False where a region answers no caller, or none who needs a key. One whose peer is away serves. */
export function areAllServing({ regions }: CloudStatus): boolean {
  return regions.every(
    ({ status, health }) => status !== 'down' && status !== 'broken' && health?.isHsmAnswering !== false,
  )
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
  { region, endpoint, status, fault, vaults, replicas, unverified, custody, stuckReplicas, health }: RegionStatus,
  width: number,
  isHome: boolean,
): string {
  const head = `${region.padEnd(width)}  ${status.padEnd(8)}  ${endpoint}${isHome ? '   home region' : ''}`
  if (health === null) return `${head}\n  its process does not answer; it is started again by itself where it ended`
  const { queues, links, audit, privateTokens } = health
  return [
    head,
    ...faultLines(fault).map((line) => `  ! ${line}`),
    ...[...troubles(health, unverified), ...(custody ?? [])].map(({ says }) => `  ! ${says}`),
    // What helps stands beside it, because the reason alone is seldom enough.
    ...stuckTroubles(stuckReplicas).map(({ says, remedy }) => `  ! ${says} ${remedy}`),
    `  ${counted(vaults ?? 0, 'vault')}, ${counted(replicas ?? 0, 'replica')}`,
    ...(privateTokens === undefined ? [] : [`  ${poolText(privateTokens)}`]),
    ...links.map((link) => `  ${linkText(link)}`),
    `  queues: inbox ${queues.inbox}, outbox ${queues.outbox}, dead letters ${queues.deadLetters}; audit events lost: ${audit.lost}`,
  ].join('\n')
}

function poolText({ free, taken, spent }: NonNullable<RegionHealth['privateTokens']>): string {
  return `tokens for private vaults: ${free} free, ${taken} taken, ${spent} spent${free > 0 ? '' : ' (hsm init --private makes more)'}`
}

/** Of what is broken on purpose. */
export function faultLines(fault: string | undefined): readonly string[] {
  return fault === undefined ? [] : [`${fault}, on purpose, until faults heal`]
}

/** What a person should act on, and how (docs/operating.md, Watch). */
export interface Trouble {
  readonly says: string
  readonly remedy: string
}

const watch = 'docs/operating.md, Watch, says what it means and what to do.'

/** `health`: of a region that answers. */
export function troubles(health: RegionHealth, unverified: readonly string[] = []): readonly Trouble[] {
  const { notAnswering, takesWrites, isHsmAnswering, awayTokens = [], putBack, queues, links, audit } = health
  return [
    ...notAnswering.map((peer) => ({
      says: `${peer} takes no messages`,
      remedy: `See that ${peer} runs and that the network leads there; what it is owed waits here and is sent again by itself.`,
    })),
    ...awayTokens.map((label) => ({
      says: `token ${label} does not answer: its private vault answers 503`,
      remedy:
        'Put the token back (hsm status shows which are there): it is used again by itself. Where it is lost, restore it: docs/hsm.md, When the token fails.',
    })),
    ...(takesWrites
      ? []
      : [{ says: 'the disk takes no writes', remedy: 'Make room: docs/operating.md, When a disk is full.' }]),
    ...(isHsmAnswering
      ? []
      : [
          {
            says: 'its HSM does not answer: no call that needs a vault’s keys does (docs/hsm.md)',
            remedy: 'hsm status names what is wrong with it; once it is back it is used again by itself.',
          },
        ]),
    ...(putBack === undefined
      ? []
      : [
          {
            says: `was put back to an older copy: ${putBack.missingChanges} changes missing, ${putBack.lostVaults} vaults lost`,
            remedy:
              'docs/operating.md, When a region’s data was put back to an older copy; it is told until the next start.',
          },
        ]),
    ...unverified.map((id) => ({
      says: `vault ${id} does not verify: its rows were altered, or the HSM has keys of another state`,
      remedy:
        'No call on it is answered, and no other vault is concerned: restore a snapshot, files and tokens of one moment.',
    })),
    ...(queues.deadLetters > 0
      ? [
          {
            says: `dead letters: ${queues.deadLetters}; see redrive list`,
            remedy: 'redrive list says what was given up and why; redrive has it worked again once that is mended.',
          },
        ]
      : []),
    ...(audit.lost > 0
      ? [{ says: `audit events lost: ${audit.lost}`, remedy: 'docs/operating.md, Audit, says when that happens.' }]
      : []),
    ...links.flatMap(({ peer, atRisk, behind, diverged }) => [
      ...(atRisk > 0 ? [{ says: `${counted(atRisk, 'change')} that ${peer} has not: at risk`, remedy: watch }] : []),
      ...(behind > 0 ? [{ says: `${counted(behind, 'vault')} behind in ${peer}`, remedy: watch }] : []),
      ...(diverged > 0
        ? [
            {
              says: `${peer} did not have ${counted(diverged, 'resource')} that it had acknowledged`,
              remedy: `It was sent again. See what was done to the files of ${peer}.`,
            },
          ]
        : []),
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
