import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { verifyAudit } from '../../../local/audit/verifyAudit.ts'
import { regions, requireDone } from './deployment.ts'
import type { Stage } from './stage.ts'

/** What the functions have written to the audit so far, with its chain. */
export function auditStory(stage: Stage): void {
  test('the audit of both regions goes to a bucket with its chain, and verifies', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'vaultspan-archive-'))
    try {
      await stage.deployment.aws.fetched('vaultspan-archive', directory, async () => {
        const { output } = requireDone(
          await stage.deployment.run('exportAudit', '--target', 's3://vaultspan-archive/audit'),
        )
        for (const region of regions)
          expect(output).toMatch(
            new RegExp(`^s3://vaultspan-archive/audit/.*/${region}\\.jsonl: ${region}, \\d+ events`, 'm'),
          )
      })
      const root = join(directory, 'root.pem')
      await writeFile(root, stage.trustRoot)
      const files = regions.map((region) => join(directory, `${region}.jsonl`))
      const { reports } = await verifyAudit(files, { root, now: Date.now() })
      expect(reports.map(({ findings }) => findings)).toEqual([[], []])
      const [ofHome] = reports
      expect(ofHome?.events).toBeGreaterThan(5)
      expect(ofHome?.beforeChain).toBe(0)
    } finally {
      await rm(directory, { recursive: true })
    }
  })
}
