// Deleting in steps small enough that nobody who writes waits long for one.

const stepSize = 500

/** `step` deletes up to so many rows and answers with them. Until one finds nothing; how many in all. */
export async function deleteInSteps(step: (limit: number) => Promise<readonly unknown[]>): Promise<number> {
  for (let total = 0; ; ) {
    const { length } = await step(stepSize)
    total += length
    if (length === 0) return total
  }
}
