import { generateKeyPairSync, sign } from 'node:crypto'
import { encryptBackup, openBackup } from '../../../lib/hsm/recovery/backupFile.ts'
import { createRecoveryKey, endorsed } from '../../../lib/hsm/recovery/recoveryKey.ts'
import { recoveredKey, splitRoot } from '../../../lib/hsm/recovery/shares.ts'
import { knownRsaPair } from '../../harness/knownRsaPair.ts'
import { altered } from '../contract/fixtures.ts'

const region = 'eu-test-1'
const custody = { custodians: 3, threshold: 2 }
const fields = { at: '2026-11-26T00:00:00Z', version: '1', region }
const content = () => Buffer.from('what brings a region back, which nobody else may read')

async function aCeremony() {
  const { root, ...key } = await createRecoveryKey('one', knownRsaPair)
  const shares = await splitRoot(root, key.ceremony, custody)
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const identities = { [region]: publicKey.export({ type: 'spki', format: 'pem' }).toString() }
  const known = { at: fields.at, threshold: custody.threshold, shares: shares.map(({ digest }) => digest) }
  const recovery = endorsed(root, { ...key, ...known, identities })
  const signed = async (bytes: Uint8Array) => sign('sha384', bytes, { key: privateKey, dsaEncoding: 'der' })
  return { root, recovery, shares, signed }
}

type Ceremony = Awaited<ReturnType<typeof aCeremony>>

const aBackup = ({ recovery, signed }: Ceremony) => encryptBackup({ ...fields, recovery, content: content() }, signed)

/** With a signature that fits, as whoever has the region's identity makes it. */
async function anAlteredBackup({ recovery, signed }: Ceremony) {
  const changing = async (bytes: Uint8Array) => {
    const file = JSON.parse(Buffer.from(bytes).toString()) as { content: string }
    return signed(Buffer.from(JSON.stringify({ ...file, content: altered(file.content) })))
  }
  const file = await encryptBackup({ ...fields, recovery, content: content() }, changing)
  return { ...file, content: altered(file.content) }
}

/** What is done before nobody looks, and what is looked at. */
export const custodianFlows: Record<string, (ceremony: Ceremony) => Promise<() => unknown>> = {
  'a recovery root is made': async () => async () => {
    const { root } = await createRecoveryKey('one', knownRsaPair)
    root.fill(0)
  },
  'a recovery root is split':
    async ({ root }) =>
    () =>
      splitRoot(root, 'one', custody),
  'a recovery key is endorsed':
    async ({ root, recovery: { mac: _, format: __, ...made } }) =>
    () =>
      endorsed(root, made),
  'shares open the recovery key':
    async ({ recovery, shares }) =>
    async () =>
      (await recoveredKey(recovery, shares)).fill(0),
  'shares open a recovery key that was altered':
    async ({ recovery, shares }) =>
    () =>
      recoveredKey({ ...recovery, at: 'another time' }, shares),
  'a backup is made': async (ceremony) => () => aBackup(ceremony),
  'a backup is opened': async (ceremony) => {
    const file = await aBackup(ceremony)
    return async () => {
      const opened = await openBackup(file, ceremony.shares)
      for (const each of [opened.content, opened.recoveryKey]) each.fill(0)
    }
  },
  'a backup that was altered is opened': async (ceremony) => {
    const file = await anAlteredBackup(ceremony)
    return () => openBackup(file, ceremony.shares)
  },
  'a backup that nobody signed is opened': async (ceremony) => {
    const file = await aBackup(ceremony)
    return () => openBackup({ ...file, at: 'another time' }, ceremony.shares)
  },
}

export { aCeremony }
