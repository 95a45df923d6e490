import type { Template } from './encode.ts'
import type { LibraryInfo } from './pkcs11Module.ts'

/**
 * How libraries differ where it cannot be found out without leaving something in a token, or is too late then. What else one
 * can do is found by doing it (abilities.ts). `test/hsm/vendors.test.ts` holds each row that was run against its library.
 */
export interface Vendor {
  readonly name: string
  /** Keys may say that they cannot be copied. */
  readonly takesCopyable: boolean
  /** A root's unwrap template binds whoever unwraps with it. */
  readonly enforcesUnwrapTemplate: boolean
  /** What may not be extracted is not wrapped either. */
  readonly keepsUnextractable: boolean
  /** It says of a key whether it was made in the token and never left it, and lets nobody say so of another. */
  readonly tellsOrigin: boolean
  /** Data objects stay in a token: a private vault's mark, and copies for custodians. */
  readonly keepsData: boolean
  /** The security officer marks a key as trusted: without, a thief of the PIN puts another in the place of the custodians'. */
  readonly marksTrusted: boolean
  /** Apart from the user there is a security officer with a PIN of their own. */
  readonly hasOfficer: boolean
  /** Which token is where is said in the arguments of C_Initialize, labels included. */
  readonly labelsByArguments: boolean
  /** It says CKR_DEVICE_ERROR, as of a token that fails, also of bytes that do not unwrap. */
  readonly saysDeviceErrorOfBytes: boolean
  /** What the template of an EC private key that is unwrapped must have beside what the standard says. */
  readonly ecUnwrapTemplate: Template
}

/** CKA_NSS_DB: by what NSS finds a private key beside its public one. Its value is the caller's. */
const nssDb = 0xd5a0db00

const standard: Vendor = {
  name: 'another library',
  takesCopyable: true,
  enforcesUnwrapTemplate: true,
  keepsUnextractable: true,
  tellsOrigin: true,
  keepsData: true,
  marksTrusted: true,
  hasOfficer: true,
  labelsByArguments: false,
  saysDeviceErrorOfBytes: false,
  ecUnwrapTemplate: [],
}

/** By what a library says of its manufacturer. */
const rows: Readonly<Record<string, Vendor>> = {
  SoftHSM: { ...standard, name: 'SoftHSM' },
  Kryoptic: {
    ...standard,
    name: 'Kryoptic',
    // It was not tried there.
    tellsOrigin: false,
    enforcesUnwrapTemplate: false,
    marksTrusted: false,
    saysDeviceErrorOfBytes: true,
  },
  'Mozilla Foundation': {
    name: 'NSS softokn',
    takesCopyable: false,
    enforcesUnwrapTemplate: false,
    keepsUnextractable: false,
    tellsOrigin: false,
    keepsData: false,
    marksTrusted: false,
    hasOfficer: false,
    labelsByArguments: true,
    saysDeviceErrorOfBytes: false,
    ecUnwrapTemplate: [[nssDb, Buffer.from([1])]],
  },
}

export function vendorOf({ manufacturer }: Pick<LibraryInfo, 'manufacturer'>): Vendor {
  return (Object.hasOwn(rows, manufacturer) ? rows[manufacturer] : undefined) ?? standard
}

/** What whoever has the PIN can do with such tokens that they should not; for a person. */
export function weaknessesOf(vendor: Vendor): readonly string[] {
  const { name, keepsUnextractable, enforcesUnwrapTemplate, hasOfficer } = vendor
  return [
    ...(keepsUnextractable
      ? []
      : [`${name} lets whoever has the PIN take roots out of a token: for tests, not for secrets`]),
    ...(enforcesUnwrapTemplate
      ? []
      : [`${name} lets whoever has the PIN and the tables read what a root has wrapped: it knows no unwrap templates`]),
    ...(hasOfficer ? [] : [`${name} knows no security officer: any program that can write its files empties a token`]),
  ]
}
