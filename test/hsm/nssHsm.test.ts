import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { hsmContract } from './hsmContract.ts'
import { describeWithNss, nssHsm } from './nss.ts'
import { vectorContract } from './vectorContract.ts'

describeWithNss('on NSS softokn', () => {
  hsmContract('the PKCS#11 backend', () => nssHsm({ generateRsa: knownRsaPair }), false)
  vectorContract(() => nssHsm({ generateRsa: knownRsaPair }))
})
