import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { hsmContract } from './contract/hsmContract.ts'
import { describeWithNss, nssHsm } from './tokens/nss.ts'
import { vectorContract } from './contract/vectorContract.ts'

describeWithNss('on NSS softokn', () => {
  hsmContract('the PKCS#11 backend', () => nssHsm({ generateRsa: knownRsaPair }), false)
  vectorContract(() => nssHsm({ generateRsa: knownRsaPair }))
})
