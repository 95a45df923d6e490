import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { hsmContract } from './contract/hsmContract.ts'
import { kryopticHsm, kryopticPath, newKryopticToken } from './tokens/kryoptic.ts'
import { vectorContract } from './contract/vectorContract.ts'

// Said here alone: other suites run on Kryoptic as on one library more.
if (kryopticPath === undefined) console.warn('KRYOPTIC_MODULE is not set: what runs on Kryoptic is skipped.')

;(kryopticPath === undefined ? describe.skip : describe)('on Kryoptic', () => {
  hsmContract('the PKCS#11 backend', () => kryopticHsm({ generateRsa: knownRsaPair }, newKryopticToken(6)))
  vectorContract(() => kryopticHsm({ generateRsa: knownRsaPair }))
})
