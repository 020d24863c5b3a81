// Waiting for something to be so, where nothing announces it: a file of the kernel's, another process's answer.

const lookEveryMs = 5

/** Resolves once `condition` holds; rejects naming `what` where it does not within the limit. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  limitMs = 60_000,
): Promise<void> {
  const deadline = performance.now() + limitMs
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${limitMs} ms: ${what}`)
    await new Promise(resolve => setTimeout(resolve, lookEveryMs))
  }
}
