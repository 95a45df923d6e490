/** Every published vector that this product answers otherwise than `valid` or `invalid` in its file, with the reason. */
export interface VectorException {
  readonly files: readonly string[]
  /** All vectors of the files with this result and, where given, one of these ids. */
  readonly result: 'valid' | 'invalid' | 'acceptable'
  readonly ids?: readonly number[]
  readonly weAnswer: 'accepted' | 'refused'
  readonly reason: string
}

export const exceptions: readonly VectorException[] = [
  {
    files: ['rsa_oaep_2048_sha1_mgf1sha1'],
    result: 'valid',
    ids: [8, 9, 10, 33, 34, 35, 36],
    weAnswer: 'refused',
    reason: 'Made with an OAEP label. The API has none: the label is always empty (contract, 6.1).',
  },
  {
    files: [
      'rsa_oaep_2048_sha256_mgf1sha256',
      'rsa_oaep_3072_sha256_mgf1sha256',
      'rsa_oaep_4096_sha256_mgf1sha256',
    ],
    result: 'valid',
    ids: [8, 9, 10, 33, 34, 35, 36, 37],
    weAnswer: 'refused',
    reason: 'Made with an OAEP label. The API has none: the label is always empty (contract, 6.1).',
  },
  {
    files: ['rsa_pss_2048_sha256_mgf1_0'],
    result: 'valid',
    weAnswer: 'refused',
    reason: 'Made without a salt. Here a PSS salt is as long as the hash, and no other is verified (contract, 6.1).',
  },
  {
    files: ['rsa_pss_2048_sha256_mgf1_0'],
    result: 'invalid',
    ids: [69],
    weAnswer: 'accepted',
    reason: 'Invalid in its file for a salt of 32 bytes, which is the one length that is right here.',
  },
  {
    files: [
      'rsa_signature_2048_sha224',
      'rsa_signature_2048_sha256',
      'rsa_signature_2048_sha384',
      'rsa_signature_2048_sha512',
      'rsa_signature_3072_sha256',
      'rsa_signature_3072_sha384',
      'rsa_signature_3072_sha512',
      'rsa_signature_4096_sha256',
      'rsa_signature_4096_sha384',
      'rsa_signature_4096_sha512',
    ],
    result: 'acceptable',
    ids: [8],
    weAnswer: 'refused',
    reason: 'The NULL of the DigestInfo is missing, a legacy encoding: RFC 8017 lets verifiers refuse it.',
  },
  {
    files: ['rsa_pkcs1_2048_sig_gen'],
    result: 'acceptable',
    ids: [65, 66, 67, 68, 69, 70, 71, 72],
    weAnswer: 'refused',
    reason: 'SHA-1 signatures, which the API does not have.',
  },
  {
    files: ['rsa_pkcs1_2048_sig_gen', 'rsa_pkcs1_3072_sig_gen'],
    result: 'acceptable',
    ids: [154, 155, 156, 157, 158],
    weAnswer: 'accepted',
    reason: 'Keys with a small public exponent, as an imported key may have.',
  },
]
