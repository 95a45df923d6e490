/**
 * Why a request was refused, as the operator's log says it and the answer does not (contract §7.2): one row each.
 * docs/refusals.md has for every row what to do about it. Names, counts and OCIDs only: never a value of a header, a body,
 * a plaintext or a key.
 */
export const refusalReasons = {
  // 401
  noAuthorization: () => 'the request has no Authorization header',
  authorizationMalformed: () => 'the Authorization header is not `Signature version="1",keyId=…,algorithm=…,headers=…`',
  algorithmUnknown: () => 'the request is signed by another algorithm than rsa-sha256',
  headersNotSigned: ({ missing }: { readonly missing: readonly string[] }) =>
    `these headers must be signed and are not: ${missing.join(' ')}`,
  headersListUnreadable: () => 'the list of signed headers names one twice, or more than 32',
  signedHeaderMissing: ({ header }: { readonly header: string }) =>
    `the header ${header} is signed and did not arrive: something on the way removed it`,
  signedHeaderUnprintable: ({ header }: { readonly header: string }) =>
    `the signed header ${header} has characters other than printable ASCII`,
  dateUnreadable: ({ header }: { readonly header: string }) =>
    `the signed header ${header} is not a date like "Tue, 03 Apr 2018 21:10:29 GMT"`,
  bodyLengthDiffers: ({ arrived }: { readonly arrived: number }) =>
    `content-length is signed and is not the ${arrived} bytes that arrived`,
  bodyHashDiffers: () => 'x-content-sha256 is signed and is not the hash of the body that arrived',
  signatureMalformed: () => 'the signature is not canonical base64',
  keyIdMalformed: () => 'the keyId is not TENANCY/USER/FINGERPRINT',
  noSuchTenancy: ({ tenancyId }: { readonly tenancyId: string }) => `there is no tenancy ${tenancyId} here`,
  noSuchApiKey: ({ userId, fingerprint }: { readonly userId: string; readonly fingerprint: string }) =>
    `user ${userId} has no API key ${fingerprint} here, or there is no such user`,
  apiKeyUnfit: ({ userId }: { readonly userId: string }) =>
    `the API key of user ${userId} is none for signing requests`,
  signatureDiffers: ({ signed }: { readonly signed: readonly string[] }) =>
    `signature does not match these headers: ${signed.join(' ')}`,
  dateOff: ({ seconds }: { readonly seconds: number }) => `date off by ${seconds} s`,
  instancePrincipal: () => 'the keyId is an instance certificate of OCI, for which nobody vouches here',
  sessionNotOurs: () => 'the security token was not made by a region of this cloud, or is altered',
  sessionEnded: ({ holder }: OfSession) => `the session of ${holder} is over`,
  sessionNotBegun: ({ holder }: OfSession) => `the session of ${holder} begins later: the clocks of two regions differ`,
  sessionHolderGone: ({ holder }: OfSession) =>
    `the user ${holder}, or the API key that the session was made with, is gone`,
  sessionIssuerGone: ({ holder, trustedIssuerId }: OfSession & OfIssuer) =>
    `the trusted issuer ${trustedIssuerId} is gone, and with it the session of ${holder}`,
  noOidcToken: () => 'ExchangeToken takes an OIDC token as `Authorization: Bearer …`, of at most 7000 characters',
  issuerNotTrusted: ({ tenancyId }: { readonly tenancyId: string }) =>
    `the token's issuer is none that tenancy ${tenancyId} trusts, or there is no such tenancy`,
  oidcTokenNotSigned: ({ why }: { readonly why: string }) =>
    `no key of the trusted issuer has signed the token (${why})`,
  oidcTokenRefused: ({ what }: { readonly what: string }) => `the issuer's token is not good here: ${what}`,
  oidcRuleFalse: ({ trustedIssuerId }: OfIssuer) => `the matchingRule of ${trustedIssuerId} is not true of the token`,
  oidcTokenTooLarge: () => 'what the token says of its holder has no room in a session token',

  // 404: absent and forbidden, which an answer never tells apart
  notGranted: ({ userId, permissions, compartmentId }: Grant) =>
    `no statement grants user ${userId} ${permissions.join(' and ')} in compartment ${compartmentId}`,
  grantedNowhere: ({ userId, permissions }: Omit<Grant, 'compartmentId'>) =>
    `no statement grants user ${userId} ${permissions.join(' and ')} in any compartment`,
  serviceNotGranted: ({ service, permission, compartmentId, tenancyId }: ServiceGrant) =>
    `no policy grants service ${service} ${permission} in ${compartmentId === tenancyId ? 'tenancy' : 'compartment'} ${compartmentId}; README, "Replicate a vault", step 1`,
  noSuchCompartment: ({ compartmentId }: { readonly compartmentId: string }) =>
    `there is no compartment ${compartmentId} in the caller's tenancy`,
  noSuchPolicy: ({ policyId }: { readonly policyId: string }) =>
    `there is no policy ${policyId} in the caller's tenancy`,
  noSuchIdentity: ({ kind, id }: { readonly kind: string; readonly id: string }) =>
    `there is no ${kind} ${id} in the caller's tenancy`,
  sessionOnOwnKeys: ({ userId }: { readonly userId: string }) =>
    `a session does not change the API keys of its own user, ${userId}`,
  noSuchVault: ({ vaultId }: OfVault) => `there is no vault ${vaultId} in this region`,
  vaultOfAnotherTenancy: ({ vaultId }: OfVault) => `vault ${vaultId} belongs to another tenancy than the caller`,
  vaultDeleted: ({ vaultId }: OfVault) => `vault ${vaultId} is DELETED and answers reads only`,
  noSuchKey: ({ keyId, vaultId }: OfKey) => `vault ${vaultId} has no key ${keyId}`,
  keyOfAnotherVault: ({ keyId, vaultId, owner, endpoint }: OfKey & Owner) =>
    owner === undefined
      ? `key ${keyId} is not of vault ${vaultId}, at whose endpoint the request arrived`
      : `key ${keyId} belongs to vault ${owner}, whose endpoint is ${endpoint ?? 'elsewhere'}, not to vault ${vaultId}, at whose endpoint the request arrived`,
  keyDeleted: ({ keyId }: { readonly keyId: string }) => `key ${keyId} is DELETED and answers reads only`,
  noSuchKeyVersion: ({ keyVersionId, keyId }: OfVersion) => `key ${keyId} has no version ${keyVersionId}`,
  keyVersionDeleted: ({ keyVersionId }: { readonly keyVersionId: string }) => `key version ${keyVersionId} is DELETED`,
  noSuchReplication: ({ replicationId }: { readonly replicationId: string }) =>
    `no change of this vault has the replication id ${replicationId}`,
  noReplica: ({ vaultId, region }: OfVault & { readonly region: string }) =>
    `vault ${vaultId} has no replica in ${region}`,
  notAcknowledged: ({ vaultId }: OfVault) =>
    `the replica of vault ${vaultId} has not acknowledged this change, or this region is not the vault's primary`,
  earlierResultGone: ({ resourceId }: { readonly resourceId: string }) =>
    `an earlier call with this retry token made ${resourceId}, which is gone`,

  // 404: where nothing answers
  hostNotOurs: ({ host, port }: { readonly host: string; readonly port: number }) =>
    `the request names the host ${host}, which is none of those that lead to port ${port}; HOST_NAMES adds some`,

  // 400: a ciphertext that does not open
  ciphertextOfNoVersion: ({ keyId }: { readonly keyId: string }) =>
    `the ciphertext is of no version of key ${keyId}: it was made with another key, or is none`,
  ciphertextDiffers: () => 'the ciphertext is damaged, or was made with other associatedData',
} as const satisfies Readonly<Record<string, (details: never) => string>>

interface OfSession {
  /** The OCID of the user or the workload. */
  readonly holder: string
}
interface OfIssuer {
  readonly trustedIssuerId: string
}
interface Grant {
  readonly userId: string
  readonly permissions: readonly string[]
  readonly compartmentId: string
}
interface ServiceGrant {
  readonly service: string
  readonly permission: string
  readonly compartmentId: string
  readonly tenancyId: string
}
interface OfVault {
  readonly vaultId: string
}
interface OfKey extends OfVault {
  readonly keyId: string
}
/** Looked up for the log alone, once the answer is out: looking would tell by its time. */
interface Owner {
  readonly owner?: string
  readonly endpoint?: string
}
interface OfVersion {
  readonly keyVersionId: string
  readonly keyId: string
}

type Reasons = typeof refusalReasons
export type ReasonName = keyof Reasons
type DetailsOf<N extends ReasonName> = Parameters<Reasons[N]> extends readonly [infer D] ? D : object

/** A row's name with what the row needs to know. */
export type RefusalReason = { readonly [N in ReasonName]: { readonly name: N } & DetailsOf<N> }[ReasonName]

export function reasonText(reason: RefusalReason): string {
  // INVARIANT: a reason carries the details of its own row.
  return (refusalReasons[reason.name] as (details: RefusalReason) => string)(reason)
}
