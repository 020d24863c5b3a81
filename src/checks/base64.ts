// Base64 that has one text for one value: Node's decoder skips what it does not know and drops spare bits, so that many
// texts would pass for one signature.

/** The bytes, or undefined where the text is no canonical base64. The URL-safe alphabet and missing padding are taken. */
export function decodeBase64(text: string): Buffer | undefined {
  const [, digits = '', padding = ''] = /^([A-Za-z0-9+/_-]*)(={0,2})$/.exec(text) ?? []
  if (digits === '' || (padding !== '' && text.length % 4 !== 0)) return undefined
  const bytes = Buffer.from(digits, 'base64')
  return bytes.toString('base64url') === digits.replaceAll('+', '-').replaceAll('/', '_') ? bytes : undefined
}
