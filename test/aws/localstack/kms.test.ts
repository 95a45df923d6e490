import { CreateKeyCommand, KMSClient, RotateKeyOnDemandCommand } from '@aws-sdk/client-kms'
import { awsKeyServices } from '../../../lib/aws/awsKeyService.ts'
import { Deadline } from '../../../lib/aws/deadline.ts'
import { kekContext } from '../../../lib/aws/kms/wrappedKeks.ts'
import { coded } from '../../hsm/contract/fixtures.ts'
import { onLocalStack } from './onLocalStack.ts'

const region = 'us-east-1'
const place = { region, resourcePrefix: 'vaultspan-test' }
const vault = { tenancyId: 'ocid1.tenancy.oc1..acme', vaultId: 'ocid1.vault.oc1.iad.v.one' }
const context = kekContext(place, vault)
const { env } = process

await onLocalStack('KMS', (aws) => {
  const client = new KMSClient(aws.options(region))
  const keyIds: string[] = []

  beforeAll(async () => {
    process.env = { ...env, AWS_ENDPOINT_URL: aws.endpoint, AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' }
    for (let each = 0; each < 2; each += 1) {
      keyIds.push((await client.send(new CreateKeyCommand({}))).KeyMetadata?.Arn ?? '')
    }
  })
  afterAll(() => {
    process.env = env
    client.destroy()
  })

  const serviceOf = (keyId?: string) => awsKeyServices({ region, deadline: new Deadline() })(keyId)

  test('a data key unwraps in its context and by its key', async () => {
    const { plaintext, wrapped } = await serviceOf(keyIds[0]).generateDataKey(context)
    expect(plaintext).toHaveLength(32)
    expect(await serviceOf(keyIds[0]).decrypt(wrapped, context)).toEqual(plaintext)
    expect(await serviceOf().decrypt(wrapped, context)).toEqual(plaintext)
  })

  test.each([
    ['another vault', kekContext(place, { ...vault, vaultId: 'ocid1.vault.oc1.iad.v.other' })],
    ['another tenancy', kekContext(place, { ...vault, tenancyId: 'ocid1.tenancy.oc1..globex' })],
    ['another stage', kekContext({ ...place, resourcePrefix: 'vaultspan-other' }, vault)],
    ['no context', {}],
  ])('it does not unwrap for %s', async (_what, other) => {
    const { wrapped } = await serviceOf(keyIds[0]).generateDataKey(context)
    await expect(serviceOf(keyIds[0]).decrypt(wrapped, other)).rejects.toEqual(coded('integrityFailure'))
  })

  test('what another key wrapped, and what was altered, is refused', async () => {
    const { wrapped } = await serviceOf(keyIds[1]).generateDataKey(context)
    await expect(serviceOf(keyIds[0]).decrypt(wrapped, context)).rejects.toEqual(coded('integrityFailure'))
    const altered = Uint8Array.from(wrapped, (byte, index) => (index === wrapped.length - 1 ? byte ^ 1 : byte))
    await expect(serviceOf(keyIds[1]).decrypt(altered, context)).rejects.toEqual(coded('integrityFailure'))
  })

  // LocalStack asks for the source key, which AWS reads in the ciphertext: so a move to another key cannot be tried here.
  test('what is wrapped anew after a rotation of the key unwraps in its context alone', async () => {
    const { plaintext, wrapped } = await serviceOf(keyIds[0]).generateDataKey(context)
    await client.send(new RotateKeyOnDemandCommand({ KeyId: keyIds[0] }))
    const rewrapped = await serviceOf(keyIds[0]).reEncrypt(wrapped, context)
    expect(rewrapped).not.toEqual(wrapped)
    for (const each of [wrapped, rewrapped])
      expect(await serviceOf(keyIds[0]).decrypt(each, context)).toEqual(plaintext)
    const other = kekContext(place, { ...vault, vaultId: 'ocid1.vault.oc1.iad.v.other' })
    await expect(serviceOf(keyIds[0]).decrypt(rewrapped, other)).rejects.toEqual(coded('integrityFailure'))
    await expect(serviceOf(keyIds[0]).reEncrypt(wrapped, other)).rejects.toEqual(coded('integrityFailure'))
  })

  test('without a key there are no data keys, and nothing is wrapped anew', async () => {
    await expect(serviceOf().generateDataKey(context)).rejects.toThrow('may not make data keys')
    await expect(serviceOf().reEncrypt(Buffer.from('x'), context)).rejects.toThrow('may not wrap anything anew')
  })
})
