// What `postern doctor` finds: one line each, which says what to do where something is not as it should be.

export interface Finding {
  state: 'ok' | 'warn' | 'wrong'
  /** What was looked at: `database`, `clock`, … */
  about: string
  text: string
  /** What to do. */
  advice?: string
}

export function ok(about: string, text: string): Finding {
  return { state: 'ok', about, text }
}

export function warn(about: string, text: string, advice: string): Finding {
  return { state: 'warn', about, text, advice }
}

export function wrong(about: string, text: string, advice: string): Finding {
  return { state: 'wrong', about, text, advice }
}
