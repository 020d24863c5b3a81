// What a run found, against its bars, and how figures are written.
const results: { what: string; measured: string; bar: string; holds: boolean | undefined }[] = []

export function report(what: string, measured: string, bar = '', holds?: boolean): void {
  results.push({ what, measured, bar, holds })
  // At once too: a run that is cut short has said what it knows.
  note(`${what}: ${measured}`)
}

export function print(): void {
  const width = Math.max(...results.map(({ what }) => what.length))
  console.log()
  for (const { what, measured, bar, holds } of results) {
    const verdict = holds === undefined ? '' : `${bar.padEnd(22)} ${holds ? 'holds' : 'MISSED'}`
    console.log(`${what.padEnd(width)}  ${measured.padEnd(34)}  ${verdict}`)
  }
}

export function note(text: string): void {
  console.log(text)
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

export function spread(values: readonly number[]): string {
  return `${rate(median(values))} (${Math.round(Math.min(...values))}–${Math.round(Math.max(...values))})`
}

export function rate(value: number): string {
  return `${Math.round(value)}/s`
}

export function ms(value: number): string {
  return `${value.toFixed(1)} ms`
}

export function list(values: readonly number[]): string {
  return values.map(value => value.toFixed(2)).join(', ')
}
