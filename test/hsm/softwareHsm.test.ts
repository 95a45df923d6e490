import { hsmContract } from './hsmContract.ts'
import { openSoftwareHsm } from '../../lib/hsm/software/softwareHsm.ts'
import { realm } from './fixtures.ts'

hsmContract('the software backend', () => openSoftwareHsm({ realm, region: 'eu-test-1' }))
