import { auditStory } from './auditStory.ts'
import { backupStory } from './backupStory.ts'
import { deletionStory } from './deletionStory.ts'
import { dueStory } from './dueStory.ts'
import { keyMaterialStory } from './keyMaterialStory.ts'
import { findMiniStack } from './ministack.ts'
import { putBackStory } from './putBackStory.ts'
import { reconcileStory } from './reconcileStory.ts'
import { redeploymentStory } from './redeploymentStory.ts'
import { replicationStory } from './replicationStory.ts'
import { restoreStory } from './restoreStory.ts'
import { Stage } from './stage.ts'

const program = findMiniStack()
const isRequired = process.env['REQUIRE_MINISTACK'] === '1'
if (program === undefined) {
  process.stderr.write('Skipped: MiniStack is not on the PATH; .ci/install-ministack.sh DIR, then MINISTACK_DIR=DIR.\n')
}

test('MiniStack is there where it is required', () => {
  expect(program !== undefined || !isRequired).toBe(true)
})

// One deployment, and one story in parts: each goes on from where the last has left it.
;(program === undefined ? describe.skip : describe)('the service deployed into two regions', () => {
  const stage = new Stage()

  beforeAll(async () => {
    // The client repeats every refusal on the console; the tests look at the refusal itself.
    console.warn = () => undefined
    await stage.open(program ?? '')
  })
  afterAll(() => stage.close())

  const replicated = replicationStory(stage)
  keyMaterialStory(stage, replicated)
  auditStory(stage)
  const privateVaults = deletionStory(stage)
  backupStory(stage, privateVaults)
  dueStory(stage, privateVaults)
  restoreStory(stage, privateVaults)
  reconcileStory(stage, replicated)
  putBackStory(stage, replicated)
  redeploymentStory(stage, replicated)
})
