import { readFileSync } from 'node:fs'
import { isMainThread, workerData } from 'node:worker_threads'

/** Loaded into each thread of a service: to the workers of a region, and to nobody else, the tokens in the file beside its rows do not answer. */
if (!isMainThread && workerData?.beats !== undefined) {
  const { Pkcs11Hsm } = await import('../../../lib/hsm/pkcs11/pkcs11Hsm.ts')
  const { awayTokens } = Pkcs11Hsm.prototype
  Pkcs11Hsm.prototype.awayTokens = function () {
    return [...awayTokens.call(this), ...labelsIn(`${workerData.file}.away`)]
  }
}

function labelsIn(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return []
  }
}
