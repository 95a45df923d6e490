import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { signaturesUnder } from '../../lib/hsm/formats/statement.ts'
import type { Signatures } from '../../lib/kms/signatures.ts'
import { p384PublicKey, publicKeyPem } from '../../lib/hsm/primitives/p384.ts'
import { realm } from '../../lib/ocid.ts'
import { checkProof, proofFailures, type ProofFailure } from '../../lib/replication/messages/checkProof.ts'
import { unsignedProofBytes, type ProofOfArrival } from '../../lib/replication/messages/proofOfArrival.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import {
  changeIn,
  createReplica,
  deleteReplica,
  makeKey,
  makeReplicatedVault,
  type ReplicatedChange,
} from '../harness/vaultStory.ts'
import { run, withDirectory } from '../local/startedService.ts'

const cloud = cloudOfEachTest()
let vaultId: string
beforeEach(async () => {
  vaultId = await makeReplicatedVault(cloud)
})

async function arrivedKey(): Promise<ReplicatedChange> {
  const { body } = await makeKey(cloud, vaultId)
  await cloud.settle()
  return changeIn(body)
}

function receiptOf({ replicationId }: ReplicatedChange, region = cloud.a) {
  return cloud.call(region, 'GET', `/20180608/replicaOperations/${replicationId}/receipt`, undefined, { host: vaultId })
}

async function proofOf(key: ReplicatedChange): Promise<ProofOfArrival> {
  return JSON.parse((await receiptOf(key)).text) as ProofOfArrival
}

async function rename(key: ReplicatedChange, displayName: string): Promise<ReplicatedChange> {
  const { body } = await cloud.call(cloud.a, 'PUT', `/20180608/keys/${key.id}`, { displayName }, { host: vaultId })
  return changeIn(body)
}

/** What a checker finds who has the root from elsewhere; by default the tenancy's. */
async function found(text: string, root = cloud.a.hsm.trustRoot(cloud.tenancyId), checked = signaturesOf(root)) {
  const result = await checkProof(text, () => checked)
  return result === 'format' ? ['format'] : result.failures
}

function signaturesOf(root: string): Signatures {
  const key = p384PublicKey(root)
  if (key === undefined) throw new Error('This is no root.')
  return signaturesUnder(key, realm)
}

/** Checks no signature twice. */
function remembering({ isStatement, isSignedBy }: Signatures): Signatures {
  const known = new Map<string, Promise<boolean>>()
  const once = (about: readonly unknown[], check: () => Promise<boolean>) => {
    const name = JSON.stringify(about)
    const answer = known.get(name) ?? check()
    known.set(name, answer)
    return answer
  }
  return {
    isStatement: (statement) => once([statement], () => isStatement(statement)),
    isSignedBy: (statement, bytes, signature) =>
      once([statement.publicKey, Buffer.from(bytes).toString('latin1'), Buffer.from(signature).toString('hex')], () =>
        isSignedBy(statement, bytes, signature),
      ),
  }
}

test('a change that has arrived has a proof that anybody checks with the root alone', async () => {
  const key = await arrivedKey()
  const proof = await proofOf(key)
  expect(await found(JSON.stringify(proof))).toEqual([])
  expect(proof).toMatchObject({
    vaultId,
    replicationId: key.replicationId,
    receipt: { resourceId: key.id, digest: proof.stored.digest, versions: proof.stored.versions },
    trustRoot: cloud.a.hsm.trustRoot(cloud.tenancyId),
  })
})

test('a proof of a change is good for the changes before it too', async () => {
  const key = await arrivedKey()
  const renamed = await rename(key, 'renamed')
  await cloud.settle()
  expect(await found((await receiptOf(key)).text)).toEqual([])
  expect(await found((await receiptOf(renamed)).text)).toEqual([])
})

test('a vault has its proof as a key has', async () => {
  const { body } = await cloud.call(cloud.a, 'PUT', `/20180608/vaults/${vaultId}`, { displayName: 'renamed' })
  await cloud.settle()
  expect(await found((await receiptOf(changeIn(body))).text)).toEqual([])
})

test('what has not arrived has none, nor has what the replica itself is asked for', async () => {
  const key = await arrivedKey()
  cloud.link.isUp = false
  const renamed = await rename(key, 'renamed')
  expect((await receiptOf(renamed)).status).toBe(404)
  expect((await receiptOf(key)).status).toBe(200)
  expect((await receiptOf(key, cloud.b)).status).toBe(404)
  expect((await receiptOf({ ...key, replicationId: 'bm9uZQ' })).status).toBe(404)
})

test('what an earlier replica had is no proof for this one', async () => {
  const key = await arrivedKey()
  await deleteReplica(cloud, vaultId)
  await cloud.settle()
  expect((await receiptOf(key)).status).toBe(404)
  await createReplica(cloud, vaultId)
  expect((await receiptOf(key)).status).toBe(404)
  await cloud.settle()
  expect(await found((await receiptOf(key)).text)).toEqual([])
})

test('no byte of it can be another', async () => {
  const { text } = await receiptOf(await arrivedKey())
  const root = cloud.a.hsm.trustRoot(cloud.tenancyId)
  const signatures = remembering(signaturesOf(root))
  const accepted: number[] = []
  for (let at = 0; at < text.length; at += 1) {
    const altered = text.slice(0, at) + (text[at] === '1' ? '2' : '1') + text.slice(at + 1)
    if ((await found(altered, root, signatures)).length === 0) accepted.push(at)
  }
  expect(accepted).toEqual([])
})

test('no signature has a second spelling', async () => {
  const proof = await proofOf(await arrivedKey())
  for (const signature of [`${proof.signature}\n`, ` ${proof.signature}`, `${proof.signature}AA`])
    expect(await found(JSON.stringify({ ...proof, signature }))).not.toEqual([])
})

/** What a source could put together and sign that lies about its replica. */
const lies: Record<string, { expected: ProofFailure; forge: (proof: ProofOfArrival) => Promise<object> }> = {
  "another key's receipt": {
    expected: 'resource',
    forge: async () => {
      const { receipt, path, proof } = await proofOf(await arrivedKey())
      return { receipt, path, proof }
    },
  },
  'a receipt that was altered': {
    expected: 'path',
    forge: async ({ receipt }) => ({ receipt: { ...receipt, committedAt: receipt.committedAt + 1 } }),
  },
  'a path to nowhere': { expected: 'path', forge: async () => ({ path: ['RAAAA'] }) },
  'another root of receipts': {
    expected: 'replicaSignature',
    forge: async ({ proof }) => ({ proof: { ...proof, sentAt: proof.sentAt + 1 } }),
  },
  "the source's own statement for the replica's": {
    expected: 'region',
    forge: async ({ proof, statement }) => ({ proof: { ...proof, statement } }),
  },
  "another region's statement under the replica's name": {
    expected: 'replicaStatement',
    forge: async ({ proof, statement }) => ({
      proof: { ...proof, statement: { ...statement, region: proof.statement.region } },
    }),
  },
  "an earlier link's receipt": {
    expected: 'fence',
    forge: async ({ fence }) => ({ fence: fence + 2 }),
  },
  'a receipt for an earlier state': {
    expected: 'coverage',
    forge: async ({ receipt }) => {
      const { replicationId } = await rename({ id: receipt.resourceId, replicationId: '' }, 'later')
      return { replicationId }
    },
  },
  'a receipt for other rows': {
    expected: 'digest',
    forge: async ({ stored }) => ({ stored: { ...stored, digest: 'AAAA' } }),
  },
}

test.each(Object.entries(lies))('%s is refused, though the source signs it', async (_, { expected, forge }) => {
  const { signature: _signature, ...honest } = await proofOf(await arrivedKey())
  const lie = { ...honest, ...(await forge({ ...honest, signature: '' })) }
  const signature = (await cloud.a.hsm.sign(unsignedProofBytes(lie))).toString('base64')
  const failures = await found(JSON.stringify({ ...lie, signature }))
  expect(failures).toContain(expected)
  expect(failures).not.toContain('sourceSignature')
})

test("another tenancy's root is not this one's", async () => {
  const { text } = await receiptOf(await arrivedKey())
  const root = publicKeyPem(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey)
  expect(await found(text, root)).toEqual(['sourceStatement', 'replicaStatement'])
})

test('receipt:verify says what a proof proves, or a line for each thing that is wrong with it', () =>
  withDirectory(async (directory) => {
    const key = await arrivedKey()
    const proof = await proofOf(key)
    const [file, altered, root] = [join(directory, 'p.json'), join(directory, 'a.json'), join(directory, 'root.pem')]
    writeFileSync(file, JSON.stringify(proof, undefined, 2))
    writeFileSync(altered, JSON.stringify({ ...proof, fence: proof.fence + 1 }))
    writeFileSync(root, proof.trustRoot)
    const verify = (...words: readonly string[]) => run('local/main.ts', ['receipt', 'verify', ...words])
    const valid = await verify(file, '--root', root)
    expect(valid).toMatchObject({ code: 0, err: '' })
    expect(valid.out).toMatch(new RegExp(`^Valid: at .*us-phoenix-1 .*${key.id}.*\\n$`))
    writeFileSync(join(directory, 'tenancyRoot.pem'), proof.trustRoot)
    expect(await verify(file, '--root', directory)).toEqual(valid)
    expect(await verify(file, '--root', file)).toEqual(valid)
    expect(await verify(file, '--root', altered)).toEqual(valid)
    writeFileSync(join(directory, 'none.json'), '{"trustRoot":"none"}')
    expect(await verify(file, '--root', join(directory, 'none.json'))).toMatchObject({
      code: 1,
      err: expect.stringMatching(/none\.json holds no P-384 public key in PEM\.\n$/) as unknown,
    })
    expect((await verify(file)).out).toContain('give --root to pin it')
    const { code, err } = await verify(altered, '--root', root)
    expect({ code, err }).toEqual({ code: 1, err: `${proofFailures.sourceSignature}\n${proofFailures.fence}\n` })
    expect(await verify(root)).toMatchObject({ code: 1, err: `${proofFailures.format}\n` })
    expect((await verify(join(directory, 'none'))).err).toMatch(/^[^\n]+\n$/)
  }))
