import { readFile, readdir } from 'node:fs/promises'

/** A process and all that it has started. */
export async function treeOf(pid: number): Promise<readonly number[]> {
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8'))
    .split(' ')
    .filter((text) => text !== '')
  const below = await Promise.all(children.map((child) => treeOf(Number(child))))
  return [pid, ...below.flat()]
}

/** Time on a processor of a process and all below it, ms, to the microsecond; of threads that have ended nothing. */
export async function exactCpuMs(pid: number): Promise<number> {
  let nanoseconds = 0
  for (const each of await treeOf(pid)) {
    for (const task of await readdir(`/proc/${each}/task`)) {
      const stat = await readFile(`/proc/${each}/task/${task}/schedstat`, 'utf8').catch(() => '0')
      nanoseconds += Number(stat.split(' ')[0])
    }
  }
  return nanoseconds / 1e6
}

/** Resident memory of a process and all below it, MB. */
export async function residentMb(pid: number): Promise<number> {
  const sizes = (await treeOf(pid)).map(async (each) => {
    const status = await readFile(`/proc/${each}/status`, 'utf8')
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1024
  })
  return (await Promise.all(sizes)).reduce((sum, each) => sum + each, 0)
}
