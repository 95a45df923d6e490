import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { openSoftwareHsm } from '../../lib/hsm/software/softwareHsm.ts'
import { realm } from '../../lib/ocid.ts'
import { requireOpened } from '../../local/region/requireOpened.ts'
import { inCloud } from '../local/inCloud.ts'
import { callerOf } from '../local/signedCaller.ts'
import { withDirectory } from '../local/startedService.ts'
import { createVault } from '../local/vaultSteps.ts'

const [region, other] = ['us-ashburn-1', 'us-phoenix-1'] as const

test('an HSM that does not open what is in the rows is told with the vaults by name, and one that does is not', () =>
  withDirectory(async (directory) => {
    const data = join(directory, 'data')
    let [tenancyId, vaultId] = ['', '']
    await inCloud(data, async (cloud) => {
      tenancyId = cloud.tenancyId
      const vault = await createVault(callerOf(cloud), cloud.regions[0]?.endpoint ?? '', tenancyId)
      vaultId = vault.id
      await cloud.idle()
    })
    const rows = { region, file: join(data, 'regions', `${region}.db`), tenancyId }
    const hsm = openSoftwareHsm({ region, realm, file: join(data, 'hsm', `${region}.json`) })
    await expect(requireOpened({ ...rows, hsm })).resolves.toBeUndefined()
    // Another one's, under this one's name: what a label alone does not tell.
    const foreign = join(directory, 'foreign.json')
    copyFileSync(join(data, 'hsm', `${other}.json`), foreign)
    const wrong = openSoftwareHsm({ region: other, realm, file: foreign })
    await expect(requireOpened({ ...rows, hsm: wrong })).rejects.toThrow(
      `do not open these vaults of ${region}: ${vaultId}. The backup is older`,
    )
    // A private vault's rows verify without its token.
    const away = (why?: string) =>
      Object.assign(openSoftwareHsm({ region, realm, file: join(data, 'hsm', `${region}.json`) }), {
        awayPartitions: () => ['t #1'],
        whyAway: () => why,
      })
    await expect(requireOpened({ ...rows, hsm: away() })).rejects.toThrow('does not answer now (t #1)')
    await expect(requireOpened({ ...rows, hsm: away('It is another vault’s.') })).rejects.toThrow(
      `not all of ${region} open for their vaults: t #1. It is another vault’s. The backup is older`,
    )
    await expect(requireOpened({ ...rows, file: join(directory, 'none.db'), hsm: wrong })).resolves.toBeUndefined()
  }))
