import { resolveToLoopback } from '../resolveToLoopback.ts'
import { aReplica, aVaultAndAKey } from './firstChapters.ts'
import { aRegionIsLost, oneVaultTwoRegions, theEnd } from './lastChapters.ts'
import { reasonOf } from './reason.ts'
import { Report } from './report.ts'
import { findService, type TourService } from './service.ts'

const isInteractive = process.stdout.isTTY
const report = new Report({
  write: (text) => process.stdout.write(text),
  isInteractive,
  hasColours: isInteractive && (process.env['NO_COLOR'] ?? '') === '',
})

/** The whole story with the official client, against the service that uses the directory. Ends with exit code 1 where a step failed. */
export async function walkTour(data: string): Promise<void> {
  // A reader who stops reading, `| head` say, must not end the tour between a cut and its healing.
  process.stdout.on('error', () => undefined)
  // The service of npm run offline answers under such names.
  resolveToLoopback('.localhost')
  try {
    await walkWith(data)
  } catch (cause) {
    process.exitCode = 1
    if (report.hasFailed) report.line(`\n${report.paint('red', 'The tour ended early:')} ${reasonOf(cause)}`)
    else console.error(reasonOf(cause))
  }
}

async function walkWith(data: string): Promise<void> {
  const service = await findService(data)
  const interrupt = () => {
    report.line()
    void leave(service).finally(() => process.exit(130))
  }
  process.once('SIGINT', interrupt)
  process.once('SIGTERM', interrupt)
  try {
    await introduce(service, data)
    await walk(service)
  } finally {
    process.off('SIGINT', interrupt)
    process.off('SIGTERM', interrupt)
    await leave(service)
  }
}

async function introduce(service: TourService, directory: string): Promise<void> {
  report.heading('Vaultspan: a key made in one region decrypts in another')
  if (service.isOwn) {
    report.line(`  No service uses ${directory}: this tour starts its own, and it ends with the tour.`)
    report.line('  To keep one, run npm start in another terminal first.')
  } else {
    report.line(
      `  The service at ${service.source.endpoint}, by the official OCI client, signed in as its administrator.`,
    )
  }
  const state = await service.faults('status')
  if (!state.includes('cut off')) return
  await service.faults('heal')
  report.line(`  Was healed first: ${state}.`)
}

async function walk(service: TourService): Promise<void> {
  const startedAt = Date.now()
  const started = await aVaultAndAKey(service, report)
  const endpoints = await aReplica(service, report, started)
  const secrets = await oneVaultTwoRegions(service, report, started, endpoints)
  await aRegionIsLost(service, report, started, endpoints, secrets)
  await theEnd(service, report, started, endpoints, secrets, startedAt)
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1)
  report.line(`\n${report.paint('green', 'Done:')} ${report.stepsDone} steps in ${seconds} s.`)
  if (!service.isOwn)
    report.line(`  The vault "${started.vault.displayName}" stays; look at it with the OCI CLI (see README.md).`)
}

/** However the tour ends, no region stays cut off; where the service itself is gone there is nothing to heal. */
async function leave(service: TourService): Promise<void> {
  try {
    if ((await service.faults('status')).includes('cut off')) await service.faults('heal')
  } catch (cause) {
    report.line(`The service could not be asked to heal: ${reasonOf(cause)}`)
  }
  await service.close()
}
