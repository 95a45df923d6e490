import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { S3Client } from '@aws-sdk/client-s3'
import { exportTable } from './audit/exportTable.ts'
import { putNew, s3Target } from './audit/s3Target.ts'
import { options } from './commandLine.ts'
import { prefixOf } from './deployed.ts'
import { requireParameters } from './parameters.ts'
import { UserError } from '../lib/userError.ts'
import { exportRange } from '../local/audit/exportFile.ts'
import { makeFolder } from '../local/makeFolder.ts'
import { runCommand } from '../local/runCommand.ts'

/** `npm run export-audit -- --stage S --regions a,b --target s3://bucket/prefix`: the audit with its chain, a file for each region. */
await runCommand(async () => {
  const given = options(
    'export-audit',
    'Writes the audit of all regions with its chain as JSON lines, to S3 or a directory.',
    ['stage', 'regions', 'home', 'target', 'from', 'until'],
  )
  const parameters = requireParameters({ ...given, domain: 'example.com' })
  const { target = '' } = given
  if (target === '') throw new UserError('--target is missing; give one, for example --target s3://archive/audit.')
  const range = exportRange(given.from, given.until, '--until')
  const bucket = s3Target(target)
  const exportedAt = new Date().toISOString()
  const directory = bucket === undefined ? emptyDirectory(target) : mkdtempSync(join(tmpdir(), 'vaultspan-audit-'))
  // The bucket may lie in any region.
  const s3 = new S3Client({ region: parameters.homeRegion, followRegionRedirects: true })
  try {
    for (const region of parameters.regions) {
      const file = join(directory, `${region}.jsonl`)
      const tableName = `${prefixOf(parameters)}-Audit`
      const { events } = await exportTable({
        client: new DynamoDBClient({ region }),
        region,
        tableName,
        file,
        exportedAt,
        range,
      })
      // All regions of one export lie together: they are verified together.
      const name = `${exportedAt.replaceAll(':', '-')}/${region}.jsonl`
      const place = bucket === undefined ? file : await putNew(s3, bucket, name, file)
      console.log(`${place}: ${region}, ${events} events.`)
    }
  } finally {
    if (bucket !== undefined) rmSync(directory, { recursive: true, force: true })
  }
})

function emptyDirectory(path: string): string {
  if (existsSync(path) && readdirSync(path).length > 0)
    throw new UserError(`${path} is not empty; name another directory.`)
  makeFolder(path)
  return path
}
