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

/** User and system time so far, ms, by the names of threads (Linux). */
export interface CpuMs {
  readonly whole: number
  readonly byThread: Readonly<Record<string, number>>
}

/** Of a process and all that it has started. The whole is what the processes themselves say: threads that are gone are in it. */
export async function cpuOf(pid: number): Promise<CpuMs> {
  const pids = await treeOf(pid)
  const whole = (await Promise.all(pids.map((each) => timesIn(`/proc/${each}/stat`)))).reduce(
    (sum, { ms }) => sum + ms,
    0,
  )
  const byThread: Record<string, number> = {}
  for (const each of pids) {
    for (const thread of await readdir(`/proc/${each}/task`)) {
      const { name, ms } = await timesIn(`/proc/${each}/task/${thread}/stat`)
      byThread[name] = (byThread[name] ?? 0) + ms
    }
  }
  return { whole, byThread }
}

/** The name, and fields 14 and 15 in ticks of 10 ms; nothing of a thread that has just ended. */
async function timesIn(path: string): Promise<{ readonly name: string; readonly ms: number }> {
  const stat = await readFile(path, 'utf8').catch(() => '')
  const end = stat.lastIndexOf(')')
  const fields = stat.slice(end + 2).split(' ')
  return { name: stat.slice(stat.indexOf('(') + 1, end), ms: (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * 10 }
}
