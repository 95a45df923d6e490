import { diskIsFull } from '../../lib/diskRefusal.ts'
import { HostDirectory } from '../../local/directory/hostDirectory.ts'
import { PortDirectory } from '../../local/directory/portDirectory.ts'

const [vaultId, region] = ['ocid1.vault.oc1..a', 'us-ashburn-1']

test('a port that a full disk could not keep is the one that is kept later, and no second one is opened', async () => {
  const directory = new HostDirectory(':memory:')
  const keepPort = directory.keepPort.bind(directory)
  directory.keepPort = () => {
    throw diskIsFull()
  }
  const opened: number[] = []
  const ports = new PortDirectory(directory, 7600)
  ports.attach(region, async (port) => {
    opened.push(port)
    return port
  })
  await expect(ports.portOf(vaultId, region)).rejects.toMatchObject({ code: 'cannotStore' })
  await expect(ports.portOf(vaultId, region)).rejects.toMatchObject({ code: 'cannotStore' })
  expect(directory.ports()).toEqual([])
  directory.keepPort = keepPort
  const port = await ports.portOf(vaultId, region)
  expect(opened).toEqual([port])
  expect(directory.ports()).toEqual([{ vaultId, region, port }])
  expect(await ports.portOf(vaultId, region)).toBe(port)
  directory.close()
})
