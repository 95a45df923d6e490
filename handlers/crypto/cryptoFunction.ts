import { httpFunction, type HttpFunction } from '../../lib/http/httpFunction.ts'
import type { HttpPorts } from '../../lib/http/httpPorts.ts'
import { decryptOperation } from './decrypt.ts'
import { encryptOperation } from './encrypt.ts'
import { exportKeyOperation } from './exportKey.ts'
import { generateDataEncryptionKeyOperation } from './generateDataEncryptionKey.ts'
import { signOperation } from './sign.ts'
import { verifyOperation } from './verify.ts'

/** KmsCrypto: the same on a primary and on a replica. */
export function cryptoFunction(ports: HttpPorts): HttpFunction {
  return httpFunction('crypto', ports, [
    encryptOperation,
    decryptOperation,
    generateDataEncryptionKeyOperation,
    signOperation,
    verifyOperation,
    exportKeyOperation,
  ])
}
