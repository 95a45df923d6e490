import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { hsmContract } from './hsmContract.ts'
import { describeWithKryoptic, kryopticHsm, newKryopticToken } from './kryoptic.ts'

describeWithKryoptic('on Kryoptic', () => {
  hsmContract('the PKCS#11 backend', () => kryopticHsm({ generateRsa: knownRsaPair }, newKryopticToken(6)))
})
