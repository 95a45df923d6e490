import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isMainThread } from 'node:worker_threads'

/** Loaded into each process of a service: lets a region's event loop stand still from SIGUSR2 on. */
const [, script = '', region = ''] = process.argv
if (isMainThread && script.includes('regionMain')) {
  const file = (end) => join(process.env['STAND_STILL'], `${region}.${end}`)
  process.on('SIGUSR2', () => {
    writeFileSync(file('still'), '')
    for (;;);
  })
  writeFileSync(file('pid'), String(process.pid))
}
