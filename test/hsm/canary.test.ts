import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import type { WrappingScheme } from '../../lib/hsm/hsm.ts'
import type { Template } from '../../lib/hsm/pkcs11/library/encode.ts'
import type { KeyVersionRow, VaultRow } from '../../lib/kms/rows/rows.ts'
import { vaultContext } from '../../lib/kms/rows/rowMac.ts'
import type { VaultKeysRow } from '../../lib/kms/vaultCache.ts'
import { CKA, CKK, CKO } from '../../lib/hsm/pkcs11/library/constants.ts'
import { initToken } from '../../lib/hsm/pkcs11/ceremony/initToken.ts'
import { regionToken } from '../../lib/hsm/pkcs11/roots/regionToken.ts'
import { readableAes } from '../../lib/hsm/pkcs11/token/templates.ts'
import { VaultKeeper } from '../../lib/hsm/pkcs11/keys/vaultKeeper.ts'
import { unwrapKey } from '../../lib/hsm/primitives/keyWrap.ts'
import { openSqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'
import { freeBase } from '../local/freePorts.ts'
import { callerByProfile } from '../local/signedCaller.ts'
import { isReady, startService, withDirectory } from '../local/startedService.ts'
import { createVault, decrypt, encrypt, plaintext } from '../local/vaultSteps.ts'
import { wrapOutside } from './tokens/outside.ts'
import { describeWithToken, pins, softHsm, softHsmPath } from './tokens/softHsm.ts'

const region = 'us-ashburn-1'

/** The processes that one has started, and itself. */
function family(pid: number): readonly number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean)
  return [pid, ...children.flatMap((child) => family(Number(child)))]
}

/** Everything that a process may write to and has in memory: its heaps, and JavaScript's. */
function* memoryOf(pid: number): Generator<Buffer> {
  const memory = openSync(`/proc/${pid}/mem`, 'r')
  try {
    for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
      const [, from = '', to = ''] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? []
      if (from === '') continue
      const [start, length] = [Number.parseInt(from, 16), Number.parseInt(to, 16) - Number.parseInt(from, 16)]
      const room = Buffer.alloc(Math.min(length, 1 << 28))
      try {
        yield room.subarray(0, readSync(memory, room, 0, room.length, start))
      } catch {
        // Reserved and not there: nothing lies in it.
      }
    }
  } finally {
    closeSync(memory)
  }
}

function filesIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile() === true)
}

type Forms = (key: Buffer) => readonly (readonly [string, Buffer])[]

/** Texts that somebody might have made of a key. */
const textForms: Forms = (key) => {
  return [
    ['hex', Buffer.from(key.toString('hex'))],
    ['base64', Buffer.from(key.toString('base64').slice(0, -2))],
  ]
}

const allForms: Forms = (key) => [['bytes', key], ...textForms(key)]

type Places = readonly (readonly [string, Buffer])[]

function placesOf(key: Buffer, places: Places, forms = allForms): readonly string[] {
  return places.flatMap(([place, content]) =>
    forms(key).flatMap(([form, bytes]) => (content.includes(bytes) ? [`${place} (${form})`] : [])),
  )
}

const readableEc: Template = [
  [CKA.CLASS, CKO.PRIVATE_KEY],
  [CKA.KEY_TYPE, CKK.EC],
  [CKA.TOKEN, false],
  [CKA.PRIVATE, true],
  [CKA.SENSITIVE, false],
  [CKA.EXTRACTABLE, true],
]

/** From the middle of a number: where it begins depends on who wrote it. */
function pieceOf(number: Buffer): Buffer {
  return number.subarray(-48, -16)
}

/** An RSA pair that its owner brings: PKCS#8, and pieces of its secret numbers. */
function aPair() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const { d = '', p = '', q = '', dp = '' } = privateKey.export({ format: 'jwk' })
  const numbers = Object.entries({ d, p, q, dp })
  const pieces = numbers.map(([name, text]) => [name, pieceOf(Buffer.from(text, 'base64url'))] as const)
  return { pkcs8: privateKey.export({ type: 'pkcs8', format: 'der' }), pieces }
}

// Memory is read as Linux shows it.
const describeHere = existsSync('/proc/self/mem') ? describeWithToken : describe.skip

describeHere('known key bytes, looked for in all that a service leaves', () => {
  test('an HSM-protected key is in no file, log or memory; a SOFTWARE key is in the memory alone', () =>
    withDirectory(async (directory) => {
      const [data, pinFile, label] = [join(directory, 'data'), join(directory, 'user.pin'), `canary ${process.pid}`]
      writeFileSync(pinFile, pins.pin, { mode: 0o600 })
      mkdirSync(data)
      const token = { module: softHsm(), label: `${label} ${region}`, pin: () => pins.pin }
      initToken({ ...token, ...pins })
      const service = startService(data, await freeBase(), ['--regions', region], {
        HSM: 'pkcs11',
        PKCS11_MODULE: softHsmPath,
        PKCS11_PIN_FILE: pinFile,
        PKCS11_LABEL: label,
      })
      const memory: (readonly [string, Buffer])[] = []
      const brought = { aes: randomBytes(32), pair: aPair() }
      const made: { vaultId?: string; readonly keyIds: string[] } = { keyIds: [] }
      try {
        await isReady(service)
        const call = callerByProfile(data)
        const { regions, tenancyId } = JSON.parse(readFileSync(join(data, 'endpoints.json'), 'utf8')) as {
          readonly regions: readonly { readonly endpoint: string }[]
          readonly tenancyId: string
        }
        const vault = await createVault(call, regions[0]?.endpoint ?? '', tenancyId)
        made.vaultId = vault.id
        const make = async (path: string, members: object) => {
          const details = { compartmentId: tenancyId, displayName: 'canary', protectionMode: 'HSM', ...members }
          const { status, body } = await call('POST', `${vault.endpoint}/20180608/${path}`, details)
          expect(status).toBe(200)
          return String(body['id'])
        }
        const aes256 = { algorithm: 'AES', length: 32 }
        const { body: wrapping } = await call('GET', `${vault.endpoint}/20180608/wrappingKeys`)
        const bring = async (keyShape: object, wrappingAlgorithm: WrappingScheme, material: Buffer) => {
          const blob = await wrapOutside(String(wrapping['publicKey']), wrappingAlgorithm, material)
          const wrappedImportKey = { keyMaterial: blob.toString('base64'), wrappingAlgorithm }
          return make('keys/import', { keyShape, wrappedImportKey })
        }
        made.keyIds.push(
          await make('keys', { keyShape: aes256 }),
          await make('keys', { keyShape: aes256, protectionMode: 'SOFTWARE' }),
          await make('keys', { keyShape: { algorithm: 'ECDSA', length: 32, curveId: 'NIST_P256' } }),
          await bring(aes256, 'RSA_OAEP_SHA256', brought.aes),
          await bring({ algorithm: 'RSA', length: 256 }, 'RSA_OAEP_AES_SHA256', brought.pair.pkcs8),
        )
        const [one = '', two = '', ecdsa = '', three = '', rsa = ''] = made.keyIds
        for (let time = 0; time < 3; time++) {
          for (const id of [one, two, three, rsa]) {
            expect(await decrypt(call, vault.endpoint, id, await encrypt(call, vault.endpoint, id))).toBe(plaintext)
          }
          for (const [keyId, signingAlgorithm] of [
            [rsa, 'SHA_256_RSA_PKCS_PSS'],
            [ecdsa, 'ECDSA_SHA_256'],
          ]) {
            const request = { keyId, message: plaintext, messageType: 'RAW', signingAlgorithm }
            expect(await call('POST', `${vault.endpoint}/20180608/sign`, request)).toMatchObject({ status: 200 })
          }
        }
        for (const pid of family(service.pid ?? 0)) {
          for (const part of memoryOf(pid)) memory.push([`the memory of ${pid}`, part])
        }
      } finally {
        service.signal('SIGTERM')
        await service.exited
      }

      const { vaultId = '', keyIds } = made
      // What only a thief of PIN and tables can: read the keys.
      const store = openSqliteRegionStore({
        file: join(data, 'regions', `${region}.db`),
        clock: Date.now,
        newId: String,
      })
      const own = regionToken(token)
      const row = (await store.tables.get('Vaults', vaultId, 'vault')) as unknown as VaultRow
      const { wrapped } = (await store.tables.get('Vaults', vaultId, 'keys')) as unknown as VaultKeysRow
      const versions = await Promise.all(
        keyIds.map(async (id) => {
          const { items } = await store.tables.query('Keys', id, 'version', { limit: 2 })
          return Buffer.from((items[0] as unknown as KeyVersionRow).wrapped?.blob ?? '', 'base64')
        }),
      )
      store.close()
      const [hsmBlob = Buffer.alloc(0), softwareBlob = Buffer.alloc(0), ecdsaBlob = Buffer.alloc(0)] = versions
      const keeper = new VaultKeeper(own)
      const read = (blob: Buffer, template: Template) =>
        own.run((session, objects) =>
          keeper
            .kek(vaultContext(row), wrapped.hsmKek)
            .lend(session, objects, [CKA.UNWRAP], false, (kek) =>
              session.attributes(session.unwrap(objects.kwp, kek, blob, template), CKA.VALUE),
            ),
        )[0]
      const hsmKey = read(hsmBlob, readableAes)
      const ecdsaKey = read(ecdsaBlob, readableEc)
      const softwareKey = unwrapKey(keeper.heldKey(vaultContext(row), 'softwareKek', wrapped.softwareKek), softwareBlob)
      own.close()
      if (hsmKey?.length !== 32 || softwareKey?.length !== 32 || ecdsaKey === undefined)
        throw new Error('The keys were not found.')

      const files = filesIn(directory).map((file) => [file, readFileSync(file)] as const)
      const said = [['the log', Buffer.from(service.said.out + service.said.err)] as const]
      expect(placesOf(softwareKey, memory)).not.toEqual([])
      expect(placesOf(softwareKey, [...files, ...said])).toEqual([])
      for (const [name, secret] of [
        ['made', hsmKey],
        ['imported', brought.aes],
      ] as const) {
        expect({ [name]: placesOf(secret, [...files, ...said, ...memory]) }).toEqual({ [name]: [] })
      }
      // OpenSSL, which the token uses as well, frees memory with a pair's bytes as it is: we make no texts or numbers of them.
      for (const [name, secret] of [['made on a curve', ecdsaKey.subarray(-32)] as const, ...brought.pair.pieces]) {
        const found = [...placesOf(secret, [...files, ...said]), ...placesOf(secret, memory, textForms)]
        expect({ [name]: found }).toEqual({ [name]: [] })
      }
    }))
})
