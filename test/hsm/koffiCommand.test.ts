import { koffiCommand } from '../../lib/hsm/pkcs11/library/koffi.ts'

/** Tried by hand with the packed tarball, each way. */
test.each([
  ['for the whole machine', '/usr/lib/node_modules/vaultspan/dist', [], 'npm install --global koffi@3'],
  [
    'in a project',
    '/home/me/app/node_modules/vaultspan/dist',
    ['/home/me/app/package.json', '/home/me/app/node_modules/vaultspan/package.json'],
    'npm install --prefix /home/me/app koffi@3',
  ],
  [
    'unpacked by hand, as in the image',
    '/opt/vaultspan/dist',
    ['/opt/vaultspan/package.json'],
    'npm install --prefix /opt/vaultspan --no-save koffi@3',
  ],
  [
    'in a checkout',
    '/src/vaultspan/lib/hsm/pkcs11',
    ['/src/vaultspan/package.json'],
    'npm install --prefix /src/vaultspan --no-save koffi@3',
  ],
])('a package that is installed %s is told where koffi goes', (_, directory, files, command) => {
  expect(koffiCommand(directory, (path) => files.includes(String(path)))).toBe(command)
})
