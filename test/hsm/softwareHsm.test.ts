import { hsmContract } from './contract/hsmContract.ts'
import { openSoftwareHsm } from '../../lib/hsm/software/softwareHsm.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { realm } from './contract/fixtures.ts'
import { vectorContract } from './contract/vectorContract.ts'

hsmContract('the software backend', () => openSoftwareHsm({ realm, region: 'eu-test-1' }))

describe('the software backend', () => {
  vectorContract(() => openSoftwareHsm({ realm, region: 'eu-test-1', generateRsa: knownRsaPair }))
})
