import { CKA, CKF, CKK, CKO, CKR, CKS } from '../library/constants.ts'
import {
  encodeRoom,
  encodeTemplate,
  lengthAt,
  putUlong,
  readUlong,
  ulong,
  type Mechanism,
  type Template,
} from '../library/encode.ts'
import { Pkcs11Error, requireFit, wrongLength } from '../library/pkcs11Error.ts'
import type { Vendor } from '../library/vendors.ts'
import type { Argument, FunctionName } from '../library/functionList.ts'
import type { Pkcs11Module } from '../library/pkcs11Module.ts'

/** An object's number. It holds in every session of this process, until the session that made it is closed. */
export type Handle = number

export interface KeyPair {
  readonly publicKey: Handle
  readonly privateKey: Handle
}

/** What fits any signature, and any wrapped key of ours: an RSA-4096 key as PKCS#8 is 2.4 kB. */
const ROOM = 4096
/** Of an attribute: no data object of ours is longer. */
const LONGEST = 1_000_000
/** Of AES: as long as its MACs. */
const BLOCK = 16

/**
 * One session, one operation at a time: whoever takes a second step before the first is over gets CKR_OPERATION_ACTIVE.
 * Every method throws Pkcs11Error.
 */
export class Session {
  readonly #module: Pkcs11Module
  readonly handle: number
  /** For what comes back in the event loop, where nothing runs between a call and the copy of its answer. */
  readonly #room = Buffer.alloc(ROOM)
  readonly #word = ulong(0)
  /** For MACs of four blocks: what they are of, which is no secret, and the MACs. */
  readonly #blocks = Buffer.alloc(4 * BLOCK)
  readonly #macs = Buffer.alloc(4 * BLOCK)
  readonly #places = [0, 16, 32, 48].map((start) => ({
    block: this.#blocks.subarray(start, start + BLOCK),
    mac: this.#macs.subarray(start, start + BLOCK),
  }))

  private constructor(module: Pkcs11Module, handle: number) {
    this.#module = module
    this.handle = handle
  }

  get vendor(): Vendor {
    return this.#module.vendor
  }

  static open(module: Pkcs11Module, slot: number): Session {
    return new Session(module, module.openSession(slot, CKF.SERIAL_SESSION | CKF.RW_SESSION))
  }

  close(): void {
    this.#module.closeSession(this.handle)
  }

  /** Whether this process is logged in to its token as the user, by whichever session. */
  isUsers(): boolean {
    return readUlong(this.#info(), 1) === CKS.RW_USER_FUNCTIONS
  }

  /** Of its token. */
  label(): string {
    return this.#module.tokenInfo(readUlong(this.#info())).label
  }

  #info(): Buffer {
    const info = Buffer.alloc(32)
    this.#call('C_GetSessionInfo', info)
    return info
  }

  login(user: number, pin: string): void {
    const bytes = Buffer.from(pin)
    try {
      this.#call('C_Login', user, bytes, bytes.length)
    } finally {
      bytes.fill(0)
    }
  }

  find(template: Template, limit = 16): readonly Handle[] {
    const encoded = encodeTemplate(template)
    this.#call('C_FindObjectsInit', encoded, encoded.count)
    try {
      const [found, handles] = [ulong(0), Buffer.alloc(8 * limit)]
      this.#call('C_FindObjects', handles, limit, found)
      return Array.from({ length: requireFit(readUlong(found), limit) }, (_, index) => readUlong(handles, index))
    } finally {
      this.#module.code('C_FindObjectsFinal', this.handle)
    }
  }

  /** @throws Pkcs11Error where one may not be read. */
  attributes(object: Handle, ...types: readonly number[]): Buffer[] {
    const asked = encodeRoom(types)
    this.#call('C_GetAttributeValue', object, asked, asked.count)
    const rooms = types.map((_, index) => Buffer.alloc(requireFit(lengthAt(asked, index) ?? 0, LONGEST)))
    const filled = encodeRoom(types, rooms)
    this.#call('C_GetAttributeValue', object, filled, filled.count)
    return rooms
  }

  setAttributes(object: Handle, template: Template): void {
    const encoded = encodeTemplate(template)
    this.#call('C_SetAttributeValue', object, encoded, encoded.count)
  }

  create(template: Template): Handle {
    const encoded = encodeTemplate(template)
    return this.#handleOf((place) => {
      this.#call('C_CreateObject', encoded, encoded.count, place)
    })
  }

  async createOnThread(template: Template): Promise<Handle> {
    const [encoded, place] = [encodeTemplate(template), ulong(0)]
    await this.#module.callOnThread('C_CreateObject', this.handle, encoded, encoded.count, place)
    return readUlong(place)
  }

  copy(object: Handle, template: Template): Handle {
    const encoded = encodeTemplate(template)
    return this.#handleOf((place) => {
      this.#call('C_CopyObject', object, encoded, encoded.count, place)
    })
  }

  /** Whatever the token says to it: what cannot be destroyed is gone with its session. */
  destroy(object: Handle): void {
    this.#module.turn.nextCall()
    this.#module.code('C_DestroyObject', this.handle, object)
  }

  /** An object that stays in the token otherwise. */
  remove(object: Handle): void {
    this.#call('C_DestroyObject', object)
  }

  generateKey(how: Mechanism, template: Template): Handle {
    const encoded = encodeTemplate(template)
    return this.#handleOf((place) => {
      this.#call('C_GenerateKey', how, encoded, encoded.count, place)
    })
  }

  async generateKeyOnThread(how: Mechanism, template: Template): Promise<Handle> {
    const [encoded, place] = [encodeTemplate(template), ulong(0)]
    await this.#module.callOnThread('C_GenerateKey', this.handle, how, encoded, encoded.count, place)
    return readUlong(place)
  }

  generateKeyPair(how: Mechanism, publicTemplate: Template, privateTemplate: Template): KeyPair {
    const { args, pair } = pairArguments(how, publicTemplate, privateTemplate)
    this.#call('C_GenerateKeyPair', ...args)
    return pair()
  }

  async generateKeyPairOnThread(how: Mechanism, publicTemplate: Template, privateTemplate: Template): Promise<KeyPair> {
    const { args, pair } = pairArguments(how, publicTemplate, privateTemplate)
    await this.#module.callOnThread('C_GenerateKeyPair', this.handle, ...args)
    return pair()
  }

  wrap(how: Mechanism, wrappingKey: Handle, key: Handle): Buffer {
    return this.#outputOf((room, length) => {
      this.#call('C_WrapKey', how, wrappingKey, key, room, length)
    })
  }

  unwrap(how: Mechanism, unwrappingKey: Handle, wrapped: Buffer, template: Template): Handle {
    const place = this.#word
    const args = this.#unwrapArguments(how, unwrappingKey, wrapped, template, place)
    this.#module.turn.nextCall()
    required('C_UnwrapKey', this.#module.code('C_UnwrapKey', ...args))
    return readUlong(place)
  }

  async unwrapOnThread(how: Mechanism, unwrappingKey: Handle, wrapped: Buffer, template: Template): Promise<Handle> {
    const place = ulong(0)
    const args = this.#unwrapArguments(how, unwrappingKey, wrapped, template, place)
    await this.#module.callOnThread('C_UnwrapKey', ...args)
    return readUlong(place)
  }

  #unwrapArguments(how: Mechanism, unwrappingKey: Handle, wrapped: Buffer, template: Template, place: Buffer) {
    const { ecUnwrapTemplate } = this.vendor
    const isWhole = ecUnwrapTemplate.length === 0 || !isEcPrivate(template)
    const encoded = encodeTemplate(isWhole ? template : [...template, ...ecUnwrapTemplate])
    return [this.handle, how, unwrappingKey, wrapped, wrapped.length, encoded, encoded.count, place] as const
  }

  sign(how: Mechanism, key: Handle, data: Buffer): Buffer {
    this.#call('C_SignInit', how, key)
    return this.#outputOf((room, length) => {
      this.#call('C_Sign', data, data.length, room, length)
    })
  }

  /** An AES-CMAC. */
  mac(how: Mechanism, key: Handle, data: Buffer): Buffer {
    const mac = this.sign(how, key, data)
    if (mac.length !== BLOCK) throw wrongLength()
    return mac
  }

  /** An AES-CMAC of each of four blocks by itself, one after the other. */
  signBlocks(how: Mechanism, key: Handle, blocks: Buffer): Buffer {
    if (blocks.length !== this.#blocks.length) throw new RangeError('Four blocks, and nothing else.')
    const [module, word] = [this.#module, this.#word]
    this.#blocks.set(blocks)
    try {
      for (const { block, mac } of this.#places) {
        module.turn.nextCall(true)
        required('C_SignInit', module.code('C_SignInit', this.handle, how, key))
        putUlong(word, BLOCK)
        required('C_Sign', module.code('C_Sign', this.handle, block, BLOCK, mac, word))
        if (readUlong(word) !== BLOCK) throw wrongLength()
      }
      return Buffer.from(this.#macs)
    } finally {
      this.#macs.fill(0)
    }
  }

  encryptInit(how: Mechanism, key: Handle): void {
    this.#call('C_EncryptInit', how, key)
  }

  async signOnThread(how: Mechanism, key: Handle, data: Buffer): Promise<Buffer> {
    this.#call('C_SignInit', how, key)
    return this.#outputOnThread('C_Sign', data)
  }

  async decryptOnThread(how: Mechanism, key: Handle, data: Buffer): Promise<Buffer> {
    this.#call('C_DecryptInit', how, key)
    return this.#outputOnThread('C_Decrypt', data)
  }

  async #outputOnThread(name: 'C_Sign' | 'C_Decrypt', data: Buffer): Promise<Buffer> {
    const [room, length] = [Buffer.alloc(ROOM), ulong(ROOM)]
    await this.#module.callOnThread(name, this.handle, data, data.length, room, length)
    return taken(room, length)
  }

  #outputOf(call: (room: Buffer, length: Buffer) => void): Buffer {
    putUlong(this.#word, ROOM)
    call(this.#room, this.#word)
    return taken(this.#room, this.#word)
  }

  #handleOf(call: (place: Buffer) => void): Handle {
    call(this.#word)
    return readUlong(this.#word)
  }

  #call(name: FunctionName, ...args: readonly Argument[]): void {
    this.#module.turn.nextCall()
    required(name, this.#module.code(name, this.handle, ...args))
  }
}

function required(name: FunctionName, code: number): void {
  if (code !== CKR.OK) throw new Pkcs11Error(name, code)
}

function isEcPrivate(template: Template): boolean {
  const has = (type: number, value: number) => template.some((each) => each[0] === type && each[1] === value)
  return has(CKA.CLASS, CKO.PRIVATE_KEY) && has(CKA.KEY_TYPE, CKK.EC)
}

/** A copy, so that a short answer does not keep its room; the room is cleared. */
function taken(room: Buffer, length: Buffer): Buffer {
  const answer = room.subarray(0, requireFit(readUlong(length), room.length))
  const output = Buffer.from(answer)
  answer.fill(0)
  return output
}

function pairArguments(how: Mechanism, publicTemplate: Template, privateTemplate: Template) {
  const [open, secret] = [encodeTemplate(publicTemplate), encodeTemplate(privateTemplate)]
  const [publicPlace, privatePlace] = [ulong(0), ulong(0)]
  return {
    args: [how, open, open.count, secret, secret.count, publicPlace, privatePlace] as const,
    pair: (): KeyPair => ({ publicKey: readUlong(publicPlace), privateKey: readUlong(privatePlace) }),
  }
}
