// What a check read of a rejected request, encrypted: a recheck must read it again, and nobody else may.
import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto'
import type { Chance } from '../clock.ts'

const nonceBytes = 12
const tagBytes = 16

export interface SealedBox {
  seal(content: unknown): Buffer
  /** Undefined where it was sealed under another key. */
  open(sealed: Buffer): unknown
}

/** AES-256-GCM under a key derived from `secret` (`POSTERN_KEY`, or the admin token where there is none). */
export function sealedBox(secret: string, chance: Chance): SealedBox {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'postern rejections', 32))
  return {
    seal(content) {
      const nonce = chance.bytes(nonceBytes)
      const cipher = createCipheriv('aes-256-gcm', key, nonce)
      const text = Buffer.concat([cipher.update(JSON.stringify(content), 'utf8'), cipher.final()])
      return Buffer.concat([nonce, cipher.getAuthTag(), text])
    },
    open(sealed) {
      if (sealed.length < nonceBytes + tagBytes) return undefined
      try {
        const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, nonceBytes))
        decipher.setAuthTag(sealed.subarray(nonceBytes, nonceBytes + tagBytes))
        const text = decipher.update(sealed.subarray(nonceBytes + tagBytes), undefined, 'utf8') + decipher.final('utf8')
        return JSON.parse(text)
      } catch {
        return undefined
      }
    },
  }
}
