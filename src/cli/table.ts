// Lists as people read them: a table as wide as the terminal, its text without what a terminal would obey.
import { styleText } from 'node:util'
import Table from 'cli-table3'
import { hasColour, plainText } from './text.ts'

type Colour = 'green' | 'yellow' | 'red' | 'dim'

export interface Column<Item> {
  title: string
  of(item: Item): string | number | boolean | null | undefined
  /** Cut where the terminal is too narrow for all. Never an id or a subject: they are there to be copied. */
  shrinks?: boolean
  /** A time, which goes without its seconds where the terminal is too narrow. */
  time?: boolean
  /** Left out where that is not enough, the lowest first. */
  drops?: number
  right?: boolean
  colour?(text: string): Colour | undefined
}

const gap = 2
const shrunkMin = 10

/** Empty for no items. `width`: of the terminal; without one nothing is cut, and what must stay whole may go beyond it. */
export function tableOf<Item>(
  items: readonly Item[],
  all: readonly Column<Item>[],
  {
    width = process.stdout.isTTY ? process.stdout.columns : undefined,
    colours = hasColour,
  }: {
    width?: number | undefined
    colours?: boolean
  } = {},
): string {
  if (items.length === 0) return ''
  const { columns, cells, widths } = fitted(items, all, width)
  const table = new Table({
    head: columns.map(({ title }) => styled(title, 'dim', colours)),
    chars: frameless,
    style: { 'padding-left': 0, 'padding-right': gap, head: [], border: [], compact: true },
    colWidths: widths.map(each => each + gap),
    colAligns: columns.map(({ right }) => (right ? 'right' : 'left')),
  })
  for (const row of cells) {
    table.push(row.map((text, index) => styled(text, columns[index]!.colour?.(text), colours)))
  }
  return `${table
    .toString()
    .split('\n')
    .map(line => line.trimEnd())
    .join('\n')}\n`
}

/** The columns for which there is room, with what stands in them. */
function fitted<Item>(items: readonly Item[], all: readonly Column<Item>[], width = Number.POSITIVE_INFINITY) {
  let cells = items.map(item => all.map(({ of }) => plainText(String(of(item) ?? '–'))))
  const widthsOf = () => all.map(({ title }, at) => Math.max(title.length, ...cells.map(row => [...row[at]!].length)))
  let widths = widthsOf()
  if (total(widths) > width) {
    cells = cells.map(row => row.map((text, at) => (all[at]!.time ? text.replace(/:\d\d(?=Z$)/, '') : text)))
    widths = widthsOf()
  }
  const kept = keptOf(all, widths, width)
  const columns = kept.map(at => all[at]!)
  const shrunk = kept.map(at => widths[at]!)
  shrink(columns, shrunk, width)
  return { columns, cells: cells.map(row => kept.map(at => row[at]!)), widths: shrunk }
}

function total(widths: readonly number[]): number {
  return widths.reduce((sum, each) => sum + each + gap, -gap)
}

/** Which columns stay, by their places. */
function keptOf(all: readonly Column<never>[], widths: readonly number[], width: number): number[] {
  const least = all.map(({ shrinks }, at) => (shrinks ? Math.min(widths[at]!, shrunkMin) : widths[at]!))
  const fits = (places: ReadonlySet<number>) => total(least.filter((_, at) => places.has(at))) <= width
  const places = new Set(all.keys())
  const dropping = [...all.keys()].filter(at => all[at]!.drops !== undefined)
  dropping.sort((a, b) => all[a]!.drops! - all[b]!.drops!)
  const dropped: number[] = []
  for (const at of dropping) {
    if (fits(places)) break
    places.delete(at)
    dropped.unshift(at)
  }
  // A wide one that has gone may have left room for a narrow one that went before it.
  for (const at of dropped) {
    places.add(at)
    if (!fits(places)) places.delete(at)
  }
  return [...all.keys()].filter(at => places.has(at))
}

function shrink(columns: readonly { shrinks?: boolean }[], widths: number[], width: number): void {
  for (let over = total(widths) - width; over > 0; over = total(widths) - width) {
    const shrinking = widths.map((each, index) => (columns[index]!.shrinks && each > shrunkMin ? each : 0))
    const widest = Math.max(...shrinking)
    if (widest === 0) return
    const at = shrinking.indexOf(widest)
    const next = Math.max(shrunkMin, ...shrinking.filter(each => each < widest))
    widths[at] = Math.max(next === widest ? shrunkMin : next - 1, widest - over)
  }
}

function styled(text: string, colour: Colour | undefined, colours: boolean): string {
  return colour === undefined || !colours ? text : styleText(colour, text, { validateStream: false })
}

const edges = ['top', 'bottom', 'left', 'right', 'mid']
const frameless = Object.fromEntries(
  [
    ...edges,
    ...['top-mid', 'top-left', 'top-right', 'bottom-mid', 'bottom-left', 'bottom-right'],
    ...['left-mid', 'mid-mid', 'right-mid', 'middle'],
  ].map(name => [name, '']),
)

/** Names and values below each other; what has no value is left out. */
export function fieldsOf(fields: Readonly<Record<string, unknown>>): string {
  const shown = Object.entries(fields).filter(([, value]) => value !== undefined && value !== null && value !== '')
  const width = Math.max(0, ...shown.map(([name]) => name.length))
  return shown
    .map(([name, value]) => {
      const text = typeof value === 'object' ? JSON.stringify(value) : String(value)
      return `${styled(name.padEnd(width), 'dim', hasColour)}  ${plainText(text)}\n`
    })
    .join('')
}
