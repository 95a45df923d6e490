import { rmSync } from 'node:fs'

export default function removeTokenDirectory() {
  rmSync(globalThis.vaultspanTokens, { recursive: true, force: true })
}
