// Lists as people read them: a table as wide as the terminal, its text without what a terminal would obey.
import { styleText } from 'node:util'
import Table from 'cli-table3'
import { hasColour, plainText } from './text.ts'

type Colour = 'green' | 'yellow' | 'red' | 'dim'

export interface Column<Item> {
  title: string
  of(item: Item): string | number | boolean | null | undefined
  /** Cut where the terminal is too narrow for all. */
  shrinks?: boolean
  right?: boolean
  colour?(text: string): Colour | undefined
}

const gap = 2
const shrunkMin = 10

/** Empty for no items. `width`: of the terminal; without one nothing is cut. */
export function tableOf<Item>(
  items: readonly Item[],
  columns: readonly Column<Item>[],
  {
    width = process.stdout.isTTY ? process.stdout.columns : undefined,
    colours = hasColour,
  }: {
    width?: number | undefined
    colours?: boolean
  } = {},
): string {
  if (items.length === 0) return ''
  const cells = items.map(item => columns.map(({ of }) => plainText(String(of(item) ?? '–'))))
  const widths = columns.map(({ title }, index) => Math.max(title.length, ...cells.map(row => [...row[index]!].length)))
  shrink(columns, widths, width)
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

function shrink(columns: readonly { shrinks?: boolean }[], widths: number[], width: number | undefined): void {
  if (width === undefined) return
  const total = () => widths.reduce((sum, each) => sum + each + gap, -gap)
  for (let over = total() - width; over > 0; over = total() - width) {
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
