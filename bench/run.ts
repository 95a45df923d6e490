import { cpus } from 'node:os'
import { benchAtOnce } from './atOnce.ts'
import { benchEncrypt } from './encrypt.ts'
import { benchLag } from './lag.ts'
import { benchOperations } from './operations.ts'

/** `npm run bench`: prints what it measures; nothing here decides whether a test passes. */
const [cpu] = cpus()
console.log(
  `Node ${process.version}, ${cpus().length} × ${cpu?.model ?? 'unknown processor'}, ${new Date().toISOString()}`,
)
await benchLag()
await benchAtOnce()
await benchEncrypt()
// `npm run bench -- 1000 100000 1000000` takes the time that so many keys take to make.
await benchOperations(process.argv.slice(2).map(Number))
