import { generateKeyPairSync, sign } from 'node:crypto'
import { signaturesUnder, TrustedStatements, unsignedBytes } from '../../lib/hsm/formats/statement.ts'
import type { RegionStatement } from '../../lib/hsm/hsm.ts'
import { publicKeyPem } from '../../lib/hsm/primitives/p384.ts'
import type { ProvisionedHsm } from '../../lib/hsm/provisionedHsm.ts'
import { openSoftwareHsm } from '../../lib/hsm/software/softwareHsm.ts'
import { TenancyRoots } from '../../lib/hsm/software/tenancyRoots.ts'
import { openBackend, pairings, twoRegions } from './contract/backends.ts'
import { altered, coded, realm, tenancyId } from './contract/fixtures.ts'

describe.each(pairings)('with a %s as home and a %s away', (source, destination) => {
  const bytes = Buffer.from('signed bytes')
  let home: ProvisionedHsm
  let away: ProvisionedHsm
  let trustRoot: string

  beforeAll(async () => {
    ;({ home, away, trustRoot } = await twoRegions(source, destination))
  })

  test('each region believes the signatures of the other', async () => {
    const [byHome, byAway] = [await home.sign(bytes), await away.sign(bytes)]
    expect(await away.isSignedBy(home.statement(tenancyId), bytes, byHome)).toBe(true)
    expect(await home.isSignedBy(away.statement(tenancyId), bytes, byAway)).toBe(true)
  })

  test('a signature is refused for other bytes, another signer and no signature at all', async () => {
    const signature = await home.sign(bytes)
    expect(await away.isSignedBy(home.statement(tenancyId), Buffer.from('other'), signature)).toBe(false)
    expect(await away.isSignedBy(away.statement(tenancyId), bytes, signature)).toBe(false)
    expect(await away.isSignedBy(home.statement(tenancyId), bytes, Buffer.alloc(0))).toBe(false)
    expect(await away.isSignedBy(home.statement(tenancyId), bytes, signature.subarray(1))).toBe(false)
  })

  test('a statement with any member altered is refused, also after the true one was believed', async () => {
    const signature = await home.sign(bytes)
    const statement = home.statement(tenancyId)
    expect(await away.isSignedBy(statement, bytes, signature)).toBe(true)
    for (const change of [
      { format: 'other' as typeof statement.format },
      { realm: 'oc2' },
      { tenancyId: 'ocid1.tenancy.oc1..other' },
      { region: 'ap-test-1' },
      { publicKey: away.identityPublicKey },
      { signature: altered(statement.signature) },
      { signature: '' },
    ]) {
      expect(await away.isSignedBy({ ...statement, ...change }, bytes, signature)).toBe(false)
    }
  })

  test('a region without the tenancy holds no statement and believes none', async () => {
    const stranger = openBackend(destination, 'ap-test-1')
    expect(() => stranger.statement(tenancyId)).toThrow(coded('integrityFailure'))
    expect(await stranger.isSignedBy(home.statement(tenancyId), bytes, await home.sign(bytes))).toBe(false)
    // A name that every object knows.
    expect(() => stranger.statement('constructor')).toThrow(coded('integrityFailure'))
  })

  test('how far a tenancy’s identity went never goes back', () => {
    expect(home.identityHead(tenancyId)).toBe(0)
    for (const seq of [7, 5]) home.advanceIdentityHead(tenancyId, seq)
    expect(home.identityHead(tenancyId)).toBe(7)
  })

  test('creating a tenancy root twice gives the same root', () => {
    expect(home.createTenancyRoot(tenancyId)).toBe(trustRoot)
  })

  test('a region that pinned a root can neither make nor speak for another', () => {
    expect(() => away.createTenancyRoot(tenancyId)).toThrow(coded('integrityFailure'))
    expect(() => away.issueStatement(tenancyId, 'ap-test-1', home.identityPublicKey)).toThrow(coded('integrityFailure'))
  })

  test('accepting the same statement again changes nothing', async () => {
    const statement = away.statement(tenancyId)
    await away.acceptStatement(trustRoot, home.issueStatement(tenancyId, 'us-test-1', away.identityPublicKey))
    expect(away.statement(tenancyId)).toEqual(statement)
  })

  test('another trust root for a known tenancy is refused', async () => {
    const impostor = openBackend(source, 'eu-test-1')
    const root = impostor.createTenancyRoot(tenancyId)
    const statement = impostor.issueStatement(tenancyId, 'us-test-1', away.identityPublicKey)
    await expect(away.acceptStatement(root, statement)).rejects.toThrow('pinned to another trust root')
    expect(away.statement(tenancyId).signature).not.toBe(statement.signature)
  })

  test('of two roots that arrive at once only one is pinned', async () => {
    const fresh = openBackend(destination, 'ap-test-1')
    const impostor = openBackend(source, 'eu-test-1')
    const root = impostor.createTenancyRoot(tenancyId)
    const accepted = await Promise.allSettled([
      fresh.acceptStatement(trustRoot, home.issueStatement(tenancyId, 'ap-test-1', fresh.identityPublicKey)),
      fresh.acceptStatement(root, impostor.issueStatement(tenancyId, 'ap-test-1', fresh.identityPublicKey)),
    ])
    expect(accepted.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  })

  test('a statement about another region, identity or realm is not accepted', async () => {
    const fresh = openBackend(destination, 'ap-test-1')
    const foreign = openSoftwareHsm({ realm: 'oc2', region: 'ap-test-1' })
    for (const [hsm, region, identity] of [
      [fresh, 'us-test-1', fresh.identityPublicKey],
      [fresh, 'ap-test-1', home.identityPublicKey],
      [foreign, 'ap-test-1', foreign.identityPublicKey],
    ] as const) {
      const accepted = hsm.acceptStatement(trustRoot, home.issueStatement(tenancyId, region, identity))
      await expect(accepted).rejects.toThrow('another region or identity')
    }
  })

  test('a statement that the given root did not sign is not accepted', async () => {
    const fresh = openBackend(destination, 'ap-test-1')
    const statement = home.issueStatement(tenancyId, 'ap-test-1', fresh.identityPublicKey)
    const accepted = fresh.acceptStatement(home.identityPublicKey, statement)
    await expect(accepted).rejects.toThrow('did not sign')
    await expect(fresh.acceptStatement('no key', statement)).rejects.toThrow('no P-384 public key')
  })

  test('only a P-384 key is given a statement', () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
    expect(() => home.issueStatement(tenancyId, 'ap-test-1', pem)).toThrow(coded('integrityFailure'))
  })
})

test('a root that could not be kept is believed by nobody', () => {
  const setTenancy = () => {
    throw new Error('the disk is full')
  }
  const roots = new TenancyRoots({ realm, region: 'eu-test-1', publicKey: 'any' }, { tenancies: {}, setTenancy })
  expect(() => roots.create(tenancyId)).toThrow('the disk is full')
  expect(roots.trustRoot(tenancyId)).toBeUndefined()
})

test.each([
  ['of its own realm', {}, true],
  ['for another realm', { realm: 'oc2' }, false],
  ['in a format that is to come', { format: 'vaultspan/region-statement/2' as RegionStatement['format'] }, false],
])('what the root itself signed %s is believed or not', async (_what, change, isBelieved) => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const format = 'vaultspan/region-statement/1'
  const unsigned = {
    format,
    realm,
    tenancyId,
    region: 'eu-test-1',
    publicKey: publicKeyPem(publicKey),
    ...change,
  } as const
  const signature = sign('sha384', unsignedBytes(unsigned), { key: privateKey, dsaEncoding: 'der' }).toString('base64')
  const statement = { ...unsigned, signature }
  const signer = await new TrustedStatements(realm, () => publicKey).signerOf(statement)
  expect(signer !== undefined).toBe(isBelieved)
  expect(await signaturesUnder(publicKey, realm).isStatement(statement)).toBe(isBelieved)
})
