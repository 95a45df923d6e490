/** A reader of OpenMetrics text 1.0 that refuses what the format forbids, as far as this service's metrics use it. */

export interface Family {
  readonly type: string
  readonly samples: readonly Sample[]
}

export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const suffixes: Readonly<Record<string, readonly string[]>> = {
  counter: ['_total'],
  gauge: [''],
  histogram: ['_bucket', '_sum', '_count'],
}
const sampleForm = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/
const labelForm = /([a-zA-Z_]\w*)="((?:[^"\\\n]|\\[\\n"])*)"(,|$)/gy

/** @throws Error naming the line that the format forbids. */
export function readOpenMetrics(text: string): ReadonlyMap<string, Family> {
  if (!text.endsWith('\n# EOF\n')) throw new Error('It does not end with # EOF and a line feed.')
  const families = new Map<string, { type: string; samples: Sample[] }>()
  const seen = new Set<string>()
  let current = ''
  for (const line of text.slice(0, -'# EOF\n'.length).split('\n').slice(0, -1)) {
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? []
    if (kind === undefined) {
      const sample = readSample(line)
      const family = families.get(current)
      const of = (suffixes[family?.type ?? ''] ?? []).map((suffix) => `${current}${suffix}`)
      if (!of.includes(sample.name)) throw new Error(`A sample outside its family: ${line}`)
      const series = JSON.stringify([sample.name, Object.entries(sample.labels).sort()])
      if (seen.has(series)) throw new Error(`Twice: ${line}`)
      seen.add(series)
      family?.samples.push(sample)
    } else if (name !== current) {
      if (families.has(name)) throw new Error(`A family in two places: ${line}`)
      current = name
      families.set(name, { type: kind === 'TYPE' ? rest : '', samples: [] })
    } else if (kind === 'TYPE') {
      const family = families.get(name)
      if (family === undefined || family.type !== '' || !(rest in suffixes)) throw new Error(`Not a type here: ${line}`)
      family.type = rest
    }
  }
  for (const [name, { type, samples }] of families) if (type === 'histogram') requireCumulative(name, samples)
  return families
}

function readSample(line: string): Sample {
  const [, name = '', inBraces = '', number = ''] = sampleForm.exec(line) ?? []
  const labels: Record<string, string> = {}
  labelForm.lastIndex = 0
  for (let read = 0; read < inBraces.length; read = labelForm.lastIndex) {
    const [, label = '', value = ''] = labelForm.exec(inBraces) ?? []
    if (label === '' || label in labels) throw new Error(`Labels that are none: ${line}`)
    labels[label] = value
  }
  const value = number === '+Inf' ? Infinity : Number(number)
  if (name === '' || number === '' || Number.isNaN(value)) throw new Error(`Not a sample: ${line}`)
  return { name, labels, value }
}

function requireCumulative(name: string, samples: readonly Sample[]): void {
  const counts = new Map<string, number>()
  for (const { name: sample, labels, value } of samples) {
    const { le, ...others } = labels
    const series = JSON.stringify(others)
    const last = counts.get(series) ?? 0
    if (sample.endsWith('_bucket') && value < last) throw new Error(`${name} is not cumulative at ${le ?? ''}.`)
    if (sample.endsWith('_bucket')) counts.set(series, value)
    if (sample.endsWith('_count') && value !== last) throw new Error(`${name}: the last bucket is not the count.`)
  }
}
