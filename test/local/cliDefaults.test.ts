import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startCloud } from '../../local/cloud/startCloud.ts'
import { withDirectory } from './startedService.ts'

test('the defaults of OCI’s CLI name the home region’s endpoint of this start, and none for keys and crypto', () =>
  withDirectory(async (directory) => {
    for (let start = 0; start < 2; start += 1) {
      const cloud = await startCloud({ directory, port: 0, settings: { preparesKeys: false } })
      const [home] = cloud.regions
      const text = readFileSync(join(directory, 'oci', 'oci_cli_rc'), 'utf8')
      await cloud.close()
      expect(text.split('\n')).toEqual([
        '[DEFAULT]',
        `compartment-id=${cloud.tenancyId}`,
        `kms.management.vault.endpoint=${home?.endpoint ?? ''}`,
        `iam.endpoint=${home?.endpoint ?? ''}`,
        `audit.endpoint=${home?.endpoint ?? ''}`,
        '',
      ])
    }
  }))
