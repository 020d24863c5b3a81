// Reading an answer of somebody else's whole, and never more of it than was agreed.

export class BodyTooLarge extends Error {
  override readonly name = 'BodyTooLarge'
}

/** The body's bytes. Throws BodyTooLarge as soon as there are more than `bytesMax`, and reads no further. */
export async function bodyBytes(response: Response, bytesMax: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    // Leaving the loop cancels the body.
    if (size > bytesMax) throw new BodyTooLarge(`the answer has more than ${bytesMax} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
