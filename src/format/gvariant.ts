// GVariant serialization (GLib "GVariant Specification" 1.0), the part that OSTree objects need: values to bytes. Containers
// end with offsets of their variable-sized children, as wide as the container needs; ours are little endian, as OSTree's.

/** A value that knows its bytes, its alignment, and whether its size is always the same. */
export interface Variant {
  readonly type: string;
  readonly bytes: Buffer;
  readonly alignment: 1 | 2 | 4 | 8;
  readonly fixedSize: boolean;
}

/** `y`, one byte. */
export function byte(value: number): Variant {
  return { type: "y", bytes: Buffer.from([value]), alignment: 1, fixedSize: true };
}

export function boolean(value: boolean): Variant {
  return { type: "b", bytes: Buffer.from([value ? 1 : 0]), alignment: 1, fixedSize: true };
}

/** `u` in big endian, the order in which OSTree stores its integers. */
export function uint32BigEndian(value: number): Variant {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return { type: "u", bytes, alignment: 4, fixedSize: true };
}

/** `t` in big endian. */
export function uint64BigEndian(value: bigint): Variant {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return { type: "t", bytes, alignment: 8, fixedSize: true };
}

/** `s`, ended by NUL. Bytes that are no UTF-8 must not come here. */
export function string(text: string | Buffer): Variant {
  const bytes = Buffer.concat([typeof text === "string" ? Buffer.from(text, "utf8") : text, Buffer.from([0])]);
  return { type: "s", bytes, alignment: 1, fixedSize: false };
}

/** `ay` without a NUL. */
export function byteArray(bytes: Buffer): Variant {
  return { type: "ay", bytes, alignment: 1, fixedSize: false };
}

/** `v`: the value, a zero byte, its type. */
export function variant(value: Variant): Variant {
  const bytes = Buffer.concat([value.bytes, Buffer.from([0]), Buffer.from(value.type, "latin1")]);
  return { type: "v", bytes, alignment: 8, fixedSize: false };
}

/** `a` and the children's type, which is given since there may be none. */
export function array(childType: ChildType, children: readonly Variant[]): Variant {
  const { type, alignment, fixedSize } = childType;
  const writer = new ContainerWriter();
  for (const child of children) writer.add(child, !fixedSize);
  return { type: `a${type}`, bytes: writer.finish("forward"), alignment, fixedSize: false };
}

export interface ChildType {
  readonly type: string;
  readonly alignment: 1 | 2 | 4 | 8;
  readonly fixedSize: boolean;
}

/** `(…)`: offsets stand for all variable-sized members but the last, in reverse order. */
export function tuple(...members: readonly Variant[]): Variant {
  return struct(members, ["(", ")"]);
}

/** `{…}`: a key and its value. */
export function dictEntry(key: Variant, value: Variant): Variant {
  return struct([key, value], ["{", "}"]);
}

function struct(members: readonly Variant[], brackets: readonly [string, string]): Variant {
  const writer = new ContainerWriter();
  for (const [index, member] of members.entries()) writer.add(member, !member.fixedSize && index < members.length - 1);
  const fixedSize = members.every((member) => member.fixedSize);
  const alignment = Math.max(1, ...members.map((member) => member.alignment)) as Variant["alignment"];
  const body = writer.finish("backward");
  // A fixed-size structure is a whole number of its alignment.
  const bytes = fixedSize ? Buffer.concat([body, Buffer.alloc(padding(body.length, alignment))]) : body;
  return { type: brackets[0] + members.map(({ type }) => type).join("") + brackets[1], bytes, alignment, fixedSize };
}

function padding(size: number, alignment: number): number {
  return (alignment - (size % alignment)) % alignment;
}

class ContainerWriter {
  readonly #pieces: Buffer[] = [];
  readonly #ends: number[] = [];
  #size = 0;

  add(child: Variant, withOffset: boolean): void {
    const gap = padding(this.#size, child.alignment);
    if (gap > 0) this.#pieces.push(Buffer.alloc(gap));
    this.#pieces.push(child.bytes);
    this.#size += gap + child.bytes.length;
    if (withOffset) this.#ends.push(this.#size);
  }

  finish(order: "forward" | "backward"): Buffer {
    const ends = order === "forward" ? this.#ends : this.#ends.toReversed();
    const width = offsetWidth(this.#size, ends.length);
    const offsets = Buffer.alloc(width * ends.length);
    for (const [index, end] of ends.entries()) offsets.writeUIntLE(end, index * width, Math.min(width, 6));
    return Buffer.concat([...this.#pieces, offsets]);
  }
}

/** The narrowest offsets with which the whole container can still be addressed. */
function offsetWidth(bodySize: number, count: number): 1 | 2 | 4 | 8 {
  for (const width of [1, 2, 4] as const) {
    if (bodySize + width * count <= 2 ** (8 * width) - 1) return width;
  }
  return 8;
}
