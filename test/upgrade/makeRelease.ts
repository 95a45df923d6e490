import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import packageJson from '../../package.json' with { type: 'json' }
import { releasesDirectory } from './release.ts'
import { tellReleaseStory } from './releaseStory.ts'
import { dumpDatabase } from './sqlDump.ts'

/**
 * `npm run fixture`: what this version writes, as a fixture for every later one (test/fixtures/README.md). A fixture that
 * is there is never made again: it would then show what the present code writes, not what the release wrote.
 */
const target = join(releasesDirectory, packageJson.version)
if (existsSync(target)) {
  console.error(`${target} is there already and stays as it is; raise the version in package.json.`)
  process.exit(1)
}
const directory = mkdtempSync(join(tmpdir(), 'vaultspan-release-'))
const story = await tellReleaseStory(directory, packageJson.version)
mkdirSync(join(target, 'data', 'oci'), { recursive: true })
for (const folder of ['hsm', 'backups'])
  cpSync(join(directory, folder), join(target, 'data', folder), { recursive: true })
cpSync(join(directory, 'oci', 'administrator.pem'), join(target, 'data', 'oci', 'administrator.pem'))
for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
  if (!name.endsWith('.db')) continue
  mkdirSync(join(target, 'data', name, '..'), { recursive: true })
  writeFileSync(join(target, 'data', `${name}.sql`), dumpDatabase(join(directory, name)))
}
writeFileSync(join(target, 'story.json'), `${JSON.stringify(story, undefined, 2)}\n`)
rmSync(directory, { recursive: true })
console.log(target)
process.exit(0)
