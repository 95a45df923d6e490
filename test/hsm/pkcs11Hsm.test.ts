import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { hsmContract } from './contract/hsmContract.ts'
import { describeWithToken, newToken, tokenHsm } from './tokens/softHsm.ts'
import { vectorContract } from './contract/vectorContract.ts'

describeWithToken('on SoftHSM2', () => {
  // RSA pairs come from a fixture here; those that the token makes itself are in tokenPairs.test.ts.
  hsmContract('the PKCS#11 backend', () => tokenHsm({ generateRsa: knownRsaPair }, newToken(6)))
  vectorContract(() => tokenHsm({ generateRsa: knownRsaPair }))
})
