import { apartBanner } from '../../local/apart/apartBanner.ts'

const [home, other] = ['us-ashburn-1', 'us-phoenix-1'] as const
const at = (region: string) => ({ region, endpoint: `https://kms.${region}.kms.test:7600` })
const settings = { tokens: null, replicationAck: 'strict' } as const

test('the banner of one region of several says where it is, its HSM, its replication and where the profile lies', () => {
  const text = apartBanner({ regions: [at(home), at(other)], homeRegion: home, settings }, '/d')
  expect(text).toContain('us-ashburn-1  https://kms.us-ashburn-1.kms.test:7600   here, home region\n')
  expect(text).toContain('us-phoenix-1  https://kms.us-phoenix-1.kms.test:7600\n')
  expect(text).toContain(
    '\n  HSM          simulated in software, for development and tests: its root is a file in /d/hsm\n',
  )
  expect(text).toContain('\n  replication  strict: no change is answered')
  expect(text).toContain('\n  profile      /d/oci/config (an administrator')
  expect(text).not.toContain('ca.pem')
})

test('another region’s banner names the machine where the profile is', () => {
  const text = apartBanner({ regions: [at(other), at(home)], homeRegion: home, settings }, '/d')
  expect(text).toContain('us-phoenix-1  https://kms.us-phoenix-1.kms.test:7600   here\n')
  expect(text).toContain('kms.test:7600   home region\n')
  expect(text).toContain('\n  profile      oci/config of us-ashburn-1, on its machine')
})

test('with --tls clients are told to trust the authority of each machine, which is not one', () => {
  const text = apartBanner({ regions: [at(home), at(other)], homeRegion: home, settings }, '/d', '/d/tls/ca.pem')
  expect(text).toContain('    cat /d/tls/ca.pem CA-OF-THE-OTHER.pem > $PWD/vaultspan-ca.pem\n')
  expect(text).toMatch(/REQUESTS_CA_BUNDLE=\$PWD\/vaultspan-ca\.pem\n/)
  expect(text).toMatch(/keytool .* -alias REGION .* -file CA-OF-REGION\.pem {3}# once for each\n/)
  expect(text).not.toMatch(/=\/d\/tls\/ca\.pem/)
  const alone = apartBanner({ regions: [at(home)], homeRegion: home, settings }, '/d', '/d/tls/ca.pem')
  expect(alone).toContain('REQUESTS_CA_BUNDLE=/d/tls/ca.pem\n')
})
