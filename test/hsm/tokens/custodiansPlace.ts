import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openPkcs11Hsm } from '../../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import { CKA } from '../../../lib/hsm/pkcs11/library/constants.ts'
import { partitionToken } from '../../../lib/hsm/pkcs11/roots/regionToken.ts'
import { initialize } from '../../../lib/hsm/pkcs11/ceremony/initialize.ts'
import { isKmsError } from '../../../lib/errors.ts'
import { realm } from '../../../lib/ocid.ts'
import type { Logger } from '../../../lib/ports.ts'
import { startCloud, type Cloud } from '../../../local/cloud/startCloud.ts'
import { backupRegion } from '../../../local/hsm/backupRegion.ts'
import type { Ceremony } from '../../../local/hsm/ceremony.ts'
import { restoreRegion } from '../../../local/hsm/restoreRegion.ts'
import { auditAtRest } from '../../../local/region/chainedAtRest.ts'
import { requireOpened } from '../../../local/region/requireOpened.ts'
import { tokenStatus } from '../../../local/hsm/tokenStatus.ts'
import { knownRsaPair } from '../../harness/knownRsaPair.ts'
import { noHurry } from '../../harness/noHurry.ts'
import { callerOf, type SignedCaller } from '../../local/signedCaller.ts'
import { suiteBase } from '../../local/suiteBase.ts'
import { createKey, createVault, decrypt, encrypt, plaintext, type MadeVault } from '../../local/vaultSteps.ts'
import { pins, softHsm, softHsmPath } from './softHsm.ts'

export const regions = ['eu-test-1', 'us-test-1']
export const [eu = '', us = ''] = regions
/** The tokens of all suites lie in one place. */
export const name = () => randomBytes(5).toString('hex')

export interface Made {
  readonly vault: MadeVault
  readonly key: string
  readonly ciphertext: string
}

/** A cloud in a directory of its own, whose custodians have their shares beside it. */
export class Place {
  readonly folder = mkdtempSync(join(tmpdir(), 'vaultspan-custodians-'))
  readonly data = join(this.folder, 'data')
  readonly label = `cust ${name()}`
  readonly pinFile = join(this.folder, 'user.pin')
  cloud: Cloud | undefined
  call: SignedCaller | undefined
  /** Those that have a token; null: all. */
  regionsInTokens: readonly string[] | null = null
  /** What starts have warned of, with the remedy. */
  readonly warned: string[] = []
  /** Why requests were answered 503. */
  readonly failed: string[] = []

  constructor() {
    writeFileSync(this.pinFile, pins.pin, { mode: 0o600 })
  }

  share(number: number): string {
    return join(this.folder, `share${number}.json`)
  }

  ceremony(): Ceremony {
    const shareFiles = [1, 2, 3].map((number) => this.share(number))
    return {
      data: this.data,
      shareFiles,
      threshold: 2,
      transcript: join(this.folder, 'ceremony.json'),
      generateRsa: knownRsaPair,
    }
  }

  tokens(privateVaults = 2) {
    return { data: this.data, module: softHsmPath ?? '', label: this.label, regions, privateVaults, ...pins }
  }

  settings() {
    const module = softHsmPath ?? ''
    return {
      module,
      pinFile: this.pinFile,
      label: this.label,
      regions: this.regionsInTokens,
      allowsSoftwareReplicas: true,
    }
  }

  async start(hasTokens = true): Promise<void> {
    const tokens = hasTokens ? this.settings() : null
    const settings = { tokens, requiresServicePolicy: false, ...noHurry }
    const port = await suiteBase()
    const log: Logger = {
      info: () => undefined,
      warn: (message, details) => this.warned.push(`${message} → ${JSON.stringify(details?.['remedy'])}`),
      error: (message, cause) => {
        if (isKmsError(cause, 'unavailable')) this.failed.push(String(cause.cause))
        else console.error(message, cause)
      },
    }
    this.warned.length = 0
    this.cloud = await startCloud({ directory: this.data, port, regions, settings, generateRsa: knownRsaPair, log })
    this.call = callerOf(this.cloud)
  }

  /** What a first start leaves of the region's HSM, without the service. */
  wasStarted(region = eu, tenancyId = 'ocid1.tenancy.oc1..first'): void {
    const token = { module: softHsm(), label: `${this.label} ${region}`, pin: () => pins.pin }
    const hsm = openPkcs11Hsm({ region, realm, file: join(this.data, 'hsm', `${region}.json`), token })
    hsm.createTenancyRoot(tenancyId)
    hsm.close()
  }

  async stop(): Promise<void> {
    await this.cloud?.idle()
    await this.cloud?.close()
    this.cloud = undefined
  }

  origin(region: string): string {
    return this.cloud?.regions.find((each) => each.region === region)?.endpoint ?? ''
  }

  get caller(): SignedCaller {
    if (this.call === undefined) throw new Error('It was not started.')
    return this.call
  }

  async makes(vaultType: string): Promise<Made> {
    const tenancyId = this.cloud?.tenancyId ?? ''
    const vault = await createVault(this.caller, this.origin(eu), tenancyId, vaultType)
    const key = await createKey(this.caller, vault, tenancyId)
    return { vault, key, ciphertext: await encrypt(this.caller, vault.endpoint, key) }
  }

  async opens({ vault, key, ciphertext }: Made, region = eu): Promise<void> {
    const { body } = await this.caller('GET', `${this.origin(region)}/20180608/vaults/${vault.id}`)
    expect(await decrypt(this.caller, String(body['cryptoEndpoint']), key, ciphertext)).toBe(plaintext)
  }

  async backUp(name: string, region = eu, without: readonly string[] = []): Promise<string> {
    const file = join(this.folder, name)
    await backupRegion(this.data, region, file, this.environment, without)
    return file
  }

  get environment() {
    return { PKCS11_MODULE: softHsmPath, PKCS11_PIN_FILE: this.pinFile, PKCS11_LABEL: this.label }
  }

  restore(
    file: string,
    shares: readonly string[] = [this.share(1), this.share(3)],
    data = this.data,
    recoveryCopy?: string,
    without: readonly string[] = [],
    more: { readonly pin?: string; readonly pinFile?: string } = {},
  ) {
    const access = async () => ({ module: softHsmPath ?? '', ...pins, ...more })
    return restoreRegion({
      data,
      file,
      shareFiles: shares,
      access,
      audit: auditAtRest,
      look: requireOpened,
      without,
      ...(recoveryCopy === undefined ? {} : { recoveryCopy }),
    })
  }

  status() {
    return tokenStatus(this.settings(), [eu], this.data)
  }

  /** What `hsm status` says of the region's custodians; the start and doctor have it from the same place. */
  async custody(): Promise<readonly string[]> {
    return (await this.status()).custody.map(({ trouble: { kind, token } }) => [kind, token ?? ''].join(' ').trim())
  }

  /** Somebody with the PIN deletes what has such a label from the token. */
  deletes(token: string, starts: string): void {
    partitionToken({ module: softHsm(), label: token, pin: () => pins.pin }).bare((session) => {
      for (const object of session.find([], 256))
        if (String(session.attributes(object, CKA.LABEL)[0]).startsWith(starts)) session.remove(object)
    })
  }

  async gone(): Promise<void> {
    await this.stop()
    rmSync(this.folder, { recursive: true })
  }

  /** What was in the region's tokens is gone: they are initialized under other names. */
  losesTokens(region: string): void {
    const module = softHsm()
    for (const label of labelsOf(this).filter((each) => each.startsWith(`${this.label} ${region}`)))
      initialize({ module, label: `lost ${name()}`, ...pins }, module.slotOf(label))
  }
}

export function labelsOf(place: Place): readonly string[] {
  return softHsm()
    .labels()
    .filter((label) => label.startsWith(place.label))
}
