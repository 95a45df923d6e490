import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSoftwareHsm } from '../../lib/hsm/software/softwareHsm.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { realm } from './fixtures.ts'
import { rotationContract } from './rotationContract.ts'
import { describeWithToken, newToken, tokenHsm } from './softHsm.ts'

let folder: string
let label: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vaultspan-rotation-'))
})

afterEach(() => {
  rmSync(folder, { recursive: true })
})

describe('in a simulated HSM', () => {
  const open = () =>
    openSoftwareHsm({ realm, region: 'eu-test-1', generateRsa: knownRsaPair, file: join(folder, 'state.json') })
  rotationContract(open, open)
})

describeWithToken('in a token', () => {
  const again = () => tokenHsm({ generateRsa: knownRsaPair, file: join(folder, 'state.json') }, label)
  rotationContract(
    () => {
      label = newToken(1)
      return again()
    },
    (hsm) => {
      hsm.close()
      return again()
    },
  )
})
