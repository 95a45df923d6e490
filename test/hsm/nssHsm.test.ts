import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { hsmContract } from './hsmContract.ts'
import { describeWithNss, nssHsm } from './nss.ts'

describeWithNss('on NSS softokn', () => {
  hsmContract('the PKCS#11 backend', () => nssHsm({ generateRsa: knownRsaPair }), false)
})
