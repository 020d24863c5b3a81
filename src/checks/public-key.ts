// Public keys from configuration: PEM, or a JWK's JSON. A key never comes from a request.
import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'

/** The key, or undefined where the text is none. A PEM whose line ends became `\n` in an environment file is taken. */
export function readPublicKey(text: string): KeyObject | undefined {
  try {
    const trimmed = text.trim()
    if (trimmed.startsWith('{')) return createPublicKey({ key: JSON.parse(trimmed) as JsonWebKey, format: 'jwk' })
    return createPublicKey(trimmed.replaceAll('\\n', '\n'))
  } catch {
    return undefined
  }
}
