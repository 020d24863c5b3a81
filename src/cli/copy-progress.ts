// How far a copy has come: a bar where somebody looks, plain lines where they are kept.
import { SingleBar } from 'cli-progress'
import type { CopyWatcher, TablePlan } from '../store/copy/copy.ts'

type Phase = 'copying' | 'checking'

/** Between two lines about one table. */
const lineEveryMs = 10_000

export interface CopyProgress {
  watcher: CopyWatcher
  /** Takes the bar away; harmless to repeat. */
  end(): void
}

/** `from` and `to` as they may be shown. */
export function copyProgress(from: string, to: string): CopyProgress {
  const out = (text: string) => process.stdout.write(`${text}\n`)
  const view = process.stderr.isTTY ? barView(out) : lineView(out)
  let plan: readonly TablePlan[] = []
  const done = { copying: new Map<string, number>(), checking: new Map<string, number>() }
  const sum = (numbers: Iterable<number>) => [...numbers].reduce((total, number) => total + number, 0)
  const moved = (phase: Phase, table: string, rows: number) => {
    done[phase].set(table, rows)
    view.moved(phase, table, sum(done[phase].values()), sum(plan.map(each => each.rows)))
  }
  return {
    watcher: {
      planned({ epoch, head, target, tables }) {
        plan = tables
        out(`from  ${from}, epoch ${epoch}, at position ${counted(head)}`)
        out(`to    ${to}, ${target.is === 'begun' ? "with this inbox's unfinished copy" : 'empty'}`)
        for (const { name, rows, done: before } of tables) {
          done.copying.set(name, before)
          out(
            `  ${name.padEnd(15)} ${counted(rows).padStart(13)} rows${before > 0 ? `, ${counted(before)} there` : ''}`,
          )
        }
      },
      copying: (table, rows) => moved('copying', table, rows),
      copied(table, rows) {
        moved('copying', table, rows)
        view.note(`copied ${table}: ${counted(rows)} rows`)
      },
      checking: (table, rows) => moved('checking', table, rows),
      checked(table, rows, sha256, differences) {
        moved('checking', table, rows)
        const found = differences === 0 ? 'the same on both sides' : `${counted(differences)} different`
        view.note(`checked ${table}: ${counted(rows)} rows, ${found}, sha256 ${sha256}`)
      },
      again: reason => view.note(`the connection was lost (${reason}): trying again`),
    },
    end: () => view.end(),
  }
}

interface View {
  moved(phase: Phase, table: string, rows: number, total: number): void
  note(line: string): void
  end(): void
}

/** Lines would tear the bar: they are written when it is gone. */
function barView(out: (text: string) => void): View {
  let bar: SingleBar | undefined
  let shown: Phase | undefined
  let began = { at: 0, rows: 0 }
  const notes: string[] = []
  const end = () => {
    bar?.stop()
    bar = undefined
    for (const note of notes.splice(0)) out(note)
  }
  return {
    moved(phase, table, rows, total) {
      if (phase !== shown) {
        end()
        shown = phase
        const format = `${phase} [{bar}] {percentage}%  {value}/{total} rows  {rate}/s  {eta_formatted}  {table}`
        bar = new SingleBar({
          format,
          hideCursor: true,
          etaBuffer: 50,
          formatValue: value => counted(Number(value)),
          formatTime: left,
        })
        bar.start(Math.max(total, rows), rows, { table, rate: '–' })
        began = { at: performance.now(), rows }
      }
      const seconds = (performance.now() - began.at) / 1000
      const rate = seconds < 1 ? '–' : counted(Math.round((rows - began.rows) / seconds))
      // Of refs the total is an estimate.
      if (rows > total) bar?.setTotal(rows)
      bar?.update(rows, { table, rate })
    },
    note: line => void notes.push(line),
    end,
  }
}

function lineView(out: (text: string) => void): View {
  let lineAt = performance.now()
  const say = (line: string) => {
    lineAt = performance.now()
    out(line)
  }
  return {
    moved(phase, table, rows, total) {
      if (performance.now() - lineAt < lineEveryMs) return
      say(`${phase} ${table}: ${counted(rows)} of ${counted(total)} rows in all`)
    },
    note: say,
    end: () => {},
  }
}

/** Seconds as a person reads them; at first it is no number. */
function left(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–'
  const minutes = Math.floor(seconds / 60)
  return minutes === 0 ? `${Math.round(seconds)} s` : `${minutes} min ${Math.round(seconds - minutes * 60)} s`
}

function counted(number: number): string {
  return number.toLocaleString('en-US')
}
