import type { AuditReport } from '../../lib/kms/auditChain/checkAudit.ts'
import { UserError } from '../../lib/userError.ts'
import { dataFlag, type CommandRow, type DataFlag } from './command.ts'

const shownFindings = 20

export const audit: CommandRow = {
  name: 'audit',
  does: 'Verifies the audit trail, and exports it.',
  build: (command) => {
    command
      .command('verify')
      .description('Names the first event that was altered, deleted, moved or put in. Offline; changes nothing.')
      .argument(
        '[PATH...]',
        'data directories, exports, folders of DynamoDB’s exports; without it the directory of --data',
      )
      .option(...dataFlag)
      .option('--root <FILE>', 'the tenancy’s root; without it the one that the directory or the export holds')
      .addHelpText(
        'after',
        '\nThe root is a PEM file or a data directory. Name the directories of several machines together: each holds what the others told it.',
      )
      .action(async (paths: readonly string[], { data, root }: DataFlag & { readonly root?: string }) => {
        const { verifyAudit } = await import('../audit/verifyAudit.ts')
        const given = paths.length === 0 ? [data] : paths
        const { reports, isOwnRoot } = await verifyAudit(given, {
          now: Date.now(),
          ...(root === undefined ? {} : { root }),
        })
        for (const report of reports) console.log(reportText(report))
        if (isOwnRoot) console.log('The tenancy’s root was taken from what was verified; give --root to pin it.')
        const findings = reports.flatMap((report) => report.findings)
        if (findings.length > 0)
          throw new UserError(
            `The audit is not as it was written: ${findings[0]?.says ?? ''}${othersOf(findings.length)}`,
          )
      })
    command
      .command('export')
      .description('Writes the audit of all regions with its chain as JSON lines, for verify and for whoever reads it.')
      .argument('<DIR|FILE>', 'a directory, empty or not there yet: a file for each region; or one file, NAME.jsonl')
      .option(...dataFlag)
      .option('--from <TIME>', 'only heads with events from then on, as 2026-01-31 or 2026-01-31T12:00:00Z')
      .option('--to <TIME>', 'only heads with events from before')
      .action(async (target: string, options: DataFlag & { readonly from?: string; readonly to?: string }) => {
        const { exportAudit } = await import('../audit/exportAudit.ts')
        for (const { region, events } of await exportAudit(target, { ...options, now: Date.now() }))
          console.log(`${target}: ${region}, ${events} events.`)
      })
  },
}

function reportText(report: AuditReport): string {
  const { region, events, writers, closed, heads, unsigned, expired, beforeChain, outside, aheadBy, findings } = report
  const more = [
    `${heads} signed heads of ${writers} writers, the end of ${closed} is signed`,
    ...(unsigned > 0 ? [`${unsigned} events that no head covers yet`] : []),
    ...(expired > 0 ? [`${expired} groups that have expired`] : []),
    ...(beforeChain > 0 ? [`${beforeChain} events from before the chain, which nothing covers`] : []),
  ]
  const notes = [
    ...(outside > 0 ? [`  ${outside} groups outside of that time were not looked for.`] : []),
    ...(aheadBy > 300
      ? [
          `  Its clock was ${durationText(aheadBy)} ahead of this one when it signed its last head: what has expired is judged by that.`,
        ]
      : []),
  ]
  const lines = findings.slice(0, shownFindings).map(({ kind, says }) => `  ${kind}: ${says}`)
  const rest = findings.length > shownFindings ? [`  and ${findings.length - shownFindings} more.`] : []
  const verdict = `${findings.length === 0 ? 'valid' : 'NOT VALID'}${rangeText(report)}`
  return [`${region}: ${verdict}. ${events} events; ${more.join('; ')}.`, ...notes, ...lines, ...rest].join('\n')
}

function rangeText({ range }: AuditReport): string {
  return range === undefined ? '' : `, but NOT WHOLE: only from ${range.from} to ${range.to}`
}

function durationText(seconds: number): string {
  const days = Math.round(seconds / 86_400)
  return days > 0 ? `${days} days` : `${Math.round(seconds / 60)} minutes`
}

function othersOf(count: number): string {
  return count === 1 ? '' : ` (and ${count - 1} more)`
}
