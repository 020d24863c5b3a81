// What every part of a run goes by.
export interface Bench {
  /** What the run writes; it is removed with it. */
  folder: string
  quick: boolean
  rounds: number
  connections: number
  /** Of one measurement. */
  seconds: number
}
