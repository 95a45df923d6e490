import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { hsmContract } from './hsmContract.ts'
import { describeWithToken, newToken, tokenHsm } from './softHsm.ts'

describeWithToken('on SoftHSM2', () => {
  // The few pairs that the token itself makes are in tokenKeys.test.ts.
  hsmContract('the PKCS#11 backend', () => tokenHsm({ generateRsa: knownRsaPair }, newToken(6)))
})
