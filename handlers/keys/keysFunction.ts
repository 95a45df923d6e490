import { httpFunction, type HttpFunction } from '../../lib/http/httpFunction.ts'
import type { HttpPorts } from '../../lib/http/httpPorts.ts'
import { createKeyOperation } from './createKey.ts'
import { createKeyVersionOperation } from './createKeyVersion.ts'
import { disableKeyOperation } from './disableKey.ts'
import { enableKeyOperation } from './enableKey.ts'
import { getKeyOperation } from './getKey.ts'
import { getKeyVersionOperation } from './getKeyVersion.ts'
import { getReplicationStatusOperation } from './getReplicationStatus.ts'
import { listKeysOperation } from './listKeys.ts'
import { listKeyVersionsOperation } from './listKeyVersions.ts'
import { updateKeyOperation } from './updateKey.ts'

/** KmsManagement. */
export function keysFunction(ports: HttpPorts): HttpFunction {
  return httpFunction(ports, [
    createKeyOperation,
    getKeyOperation,
    listKeysOperation,
    updateKeyOperation,
    enableKeyOperation,
    disableKeyOperation,
    createKeyVersionOperation,
    getKeyVersionOperation,
    listKeyVersionsOperation,
    getReplicationStatusOperation,
  ])
}
