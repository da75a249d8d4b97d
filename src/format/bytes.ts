// Byte strings: names, link targets and xattr values are bytes, not text. They are held as latin1 JavaScript strings
// behind a brand: lossless, cheap as map keys, and `<` on them is memcmp order, which EROFS directories need.

declare const brand: unique symbol;

/** A string in which every character is one byte, U+0000 to U+00FF. */
export type ByteString = string & { readonly [brand]: "bytes" };

/** The UTF-8 bytes of a text. */
export function encodeText(text: string): ByteString {
  return Buffer.from(text, "utf8").toString("latin1") as ByteString;
}

/** The bytes from `start` to `end` of a buffer. */
export function bytesOf(buffer: Buffer, start = 0, end: number = buffer.length): ByteString {
  return buffer.toString("latin1", start, end) as ByteString;
}

export function toBuffer(bytes: ByteString): Buffer {
  return Buffer.from(bytes, "latin1");
}

const strict = new TextDecoder("utf-8", { fatal: true });

/** Bytes for a person to read: UTF-8 where it is valid, and `\xHH` for control characters and invalid bytes. */
export function printable(bytes: ByteString): string {
  let text: string;
  try {
    text = strict.decode(toBuffer(bytes));
  } catch {
    text = bytes.replace(/[\x80-\xff]/g, (c) => `\\x${c.charCodeAt(0).toString(16)}`);
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this escapes
  return text.replace(/[\0-\x1f\x7f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

/** memcmp order, for `Array.sort`. */
export function compareBytes(a: ByteString, b: ByteString): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
