import { cpus } from 'node:os'
import { benchEncrypt } from './encrypt.ts'
import { benchLag } from './lag.ts'

/** `npm run bench`: prints what it measures; nothing here decides whether a test passes. */
const [cpu] = cpus()
console.log(
  `Node ${process.version}, ${cpus().length} × ${cpu?.model ?? 'unknown processor'}, ${new Date().toISOString()}`,
)
await benchLag()
await benchEncrypt()
