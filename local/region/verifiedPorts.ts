import { isKmsError, KmsError } from '../../lib/errors.ts'
import type { VaultEndpoints } from '../../lib/kms/kmsPorts.ts'
import { verifiedItem, itemWithMac, type ItemWithMac } from '../../lib/kms/rows/rowMac.ts'
import type { Vault } from '../../lib/kms/vaultCache.ts'
import type { Runtime } from '../../lib/runtime/composeRegion.ts'
import type { VaultPorts } from '../directory/portDirectory.ts'

const format = 'vaultspan/vault-port/1'

interface PortItem extends ItemWithMac {
  readonly format: typeof format
  readonly port: number
}

type Ports = Pick<Runtime, 'tables' | 'cache' | 'region'>

/**
 * Which port leads to which vault is kept outside the regions' tables, in host.db. In its own table a region keeps, under the
 * vault's MAC key, the port on which the vault first answered: another one leads nowhere, whatever host.db says.
 */
export class VerifiedPorts {
  readonly #ports: VaultPorts
  readonly #region: () => Ports
  /** Whose MAC has been verified. */
  readonly #checked = new Map<number, string>()

  constructor(ports: VaultPorts, region: () => Ports) {
    this.#ports = ports
    this.#region = region
  }

  endpoints(regions: readonly string[], originOf: (region: string, port: number) => string): VaultEndpoints {
    return {
      regions,
      of: async ({ id }, region) => {
        const port = await this.#ports.portOf(id, region)
        if (region === this.#region().region) await this.vaultAt(port)
        const origin = originOf(region, port)
        return { management: origin, crypto: origin }
      },
    }
  }

  /** @throws KmsError integrityFailure where the vault has another port. */
  vaultAt(port: number): string | undefined | Promise<string | undefined> {
    const vaultId = this.#ports.vaultAt(port)
    if (vaultId === undefined || this.#checked.get(port) === vaultId) return vaultId
    return this.#check(vaultId, port)
  }

  /** Whether what `vaultAt` says of a port stays so. */
  isChecked(port: number): boolean {
    return this.#checked.has(port)
  }

  async #check(vaultId: string, port: number): Promise<string> {
    const vault = await this.#region().cache.vault(vaultId)
    // Nothing is found behind it: there is nothing to lead astray.
    if (vault === undefined) return vaultId
    const kept = (await this.#portOf(vault)) ?? (await this.#firstPort(vault, port))
    if (kept === 'none') return vaultId
    if (kept !== port) {
      throw new KmsError('integrityFailure', `The port ${port} is not that of the vault ${vaultId}.`)
    }
    this.#checked.set(port, vaultId)
    return vaultId
  }

  /** Undefined: it has none yet. */
  async #portOf({ row, keys }: Vault): Promise<number | undefined> {
    const place = placeOf(row.id)
    const stored = await this.#region().tables.get('Replication', place.pk, place.sk)
    if (stored === undefined) return undefined
    return verifiedItem<PortItem>(keys, { format, ...place }, stored)?.port ?? NaN
  }

  /** The one that was kept first, where two ask at once; 'none' where the disk has no room for it: the next call tries again. */
  async #firstPort(vault: Vault, port: number): Promise<number | 'none' | undefined> {
    const item = itemWithMac(vault.keys, { ...placeOf(vault.row.id), format, port })
    try {
      await this.#region().tables.write([{ op: 'put', table: 'Replication', item, condition: { kind: 'absent' } }])
    } catch (cause) {
      if (isKmsError(cause, 'cannotStore')) return 'none'
      throw cause
    }
    return this.#portOf(vault)
  }
}

function placeOf(vaultId: string): { readonly pk: string; readonly sk: string } {
  return { pk: `port#${vaultId}`, sk: 'port' }
}
