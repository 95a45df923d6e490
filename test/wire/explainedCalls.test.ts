import { operations as rowsByName, rowOf, type OperationName } from '../../lib/http/operations.ts'
import { openStage, type Stage, type Target } from './operations/stage.ts'
import type { Subject } from './operations/subject.ts'
import { subjects as subjectsByName } from './operations/subjects.ts'

/** What `policy explain` says of each operation, beside what the operation itself then does, before and after its own advice. */

const subjects: Readonly<Record<OperationName, Subject>> = subjectsByName
const operations = (Object.keys(rowsByName) as OperationName[]).filter((name) => rowOf(name).isOpen !== true)

let stage: Stage
let userId: string

beforeAll(async () => {
  stage = await openStage()
  const { oci } = stage
  const { items } = await oci.identity().listUsers({ compartmentId: oci.tenancyId, name: 'stranger' })
  userId = items[0]?.id ?? ''
  const createGroupDetails = { compartmentId: oci.tenancyId, name: 'Asked', description: 'd' }
  const { group } = await oci.identity().createGroup({ createGroupDetails })
  await oci.identity().addUserToGroup({ addUserToGroupDetails: { userId, groupId: group.id } })
})
afterAll(() => stage.close())

interface Explained {
  readonly isAllowed: boolean
  readonly permissions: readonly { readonly isGranted: boolean; readonly missing: string | null }[]
}

async function explained(operation: OperationName, target: Target): Promise<Explained> {
  const query = new URLSearchParams({ userId, operation, ...aboutOf(operation, target) })
  const url = `${stage.oci.home}/20160918/policyExplanations?${query.toString()}`
  return (await stage.administrator.send('GET', url)) as Explained
}

/** What a call of the subjects is about, as `policy explain` is told it. */
function aboutOf(operation: OperationName, target: Target): Readonly<Record<string, string>> {
  const { path, serves, plane } = rowOf(operation)
  if (operation === 'Sign' || operation === 'Verify') return { keyId: target.signingKeyId }
  if (operation === 'ExportKey') return { keyId: target.softwareKeyId }
  if (path.includes('{keyId}') || serves === 'crypto') return { keyId: target.keyId }
  if (path.includes('{vaultId}') || plane === 'vault') return { vaultId: target.vault.id }
  return {}
}

/** What a note of the explanation says that a call takes besides. */
const besides: Partial<Record<OperationName, readonly string[]>> = {
  ExplainPolicy: ['Allow group Asked to inspect vaults in tenancy', 'Allow group Asked to inspect keys in tenancy'],
}

async function allowed(statements: readonly string[], work: () => Promise<void>): Promise<void> {
  const { oci } = stage
  const createPolicyDetails = {
    compartmentId: oci.tenancyId,
    name: 'advised',
    description: 'd',
    statements: [...statements],
  }
  const { policy } = await oci.identity().createPolicy({ createPolicyDetails })
  try {
    await work()
  } finally {
    await oci.identity().deletePolicy({ policyId: policy.id })
  }
}

test.each(operations)(
  '%s is refused and granted as explained, and by the statement that was missing',
  async (operation) => {
    const subject = subjects[operation]
    const target = subject.fresh === undefined ? stage.ready : await subject.fresh(stage)
    const before = await explained(operation, target)
    expect(before.isAllowed).toBe(false)
    await expect(subject.call(stage.stranger, target, {})).rejects.toMatchObject({ statusCode: 404 })
    const missing = before.permissions.flatMap(({ missing: statement }) => statement ?? [])
    expect(missing.length).toBeGreaterThan(0)
    await allowed([...missing, ...(besides[operation] ?? [])], async () => {
      expect(await explained(operation, target)).toMatchObject({ isAllowed: true })
      expect(await subject.call(stage.stranger, target, {})).toMatchObject(subject.answers)
    })
  },
)
