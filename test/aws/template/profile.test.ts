import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { addProfile, profileText, type Profile } from '../../../deploy/profile.ts'
import { withDirectory } from '../../local/startedService.ts'

const acme: Profile = {
  name: 'acme',
  tenancyId: 'ocid1.tenancy.oc1..a',
  userId: 'ocid1.user.oc1..u',
  fingerprint: '00:11',
  region: 'us-east-1',
  keyFile: '/keys/administrator.pem',
}

test('a profile has a name of its own and every member that a client reads', () => {
  expect(profileText(acme)).toBe(
    '[acme]\nuser=ocid1.user.oc1..u\nfingerprint=00:11\ntenancy=ocid1.tenancy.oc1..a\nregion=us-east-1\nkey_file=/keys/administrator.pem\n',
  )
})

test.each(['', '[DEFAULT]\nuser=me\n', '[DEFAULT]\nuser=me', '[DEFAULT]\r\nuser=me\r\n'])(
  'it is added to %j, once, and nothing else is touched',
  (before) =>
    withDirectory(async (directory) => {
      const file = join(directory, 'config')
      writeFileSync(file, before)
      addProfile(file, acme)
      addProfile(file, acme)
      const after = readFileSync(file, 'utf8')
      expect(after.startsWith(before)).toBe(true)
      expect(after.slice(before.length).trim()).toBe(profileText(acme).trim())
      expect(after.split('[DEFAULT]')).toHaveLength(before === '' ? 1 : 2)
    }),
)

test('a file that is not there is made, for its owner alone', () =>
  withDirectory(async (directory) => {
    const file = join(directory, 'oci', 'config')
    addProfile(file, acme)
    expect((statSync(file).mode & 0o777).toString(8)).toBe('600')
  }))

test('another profile of that name is left as it is, and what it would be is said', () =>
  withDirectory(async (directory) => {
    const file = join(directory, 'config')
    const before = '[acme]\nuser=somebody\n[DEFAULT]\nuser=me\n'
    writeFileSync(file, before)
    expect(() => {
      addProfile(file, acme)
    }).toThrow(`${file} has another profile [acme]`)
    expect(readFileSync(file, 'utf8')).toBe(before)
  }))
