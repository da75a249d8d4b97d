// tar-stream as an oracle, both ways: what it writes is read as it was meant, and it reads what we read alike. It decodes
// pax as text and knows no sparse files, so only valid UTF-8 and small numbers are drawn.

import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import fc from "fast-check";
import { extract as createExtract, pack as createPack, type Header } from "tar-stream";
import { describe, expect, it } from "vitest";
import { file, gnuLong, header, padded, paxHeader, tar } from "../../../oci-fixtures/tar-builder.ts";
import { read, utf8, xattrsOf } from "./recorder.ts";

const ourTypes = {
  file: "regular",
  link: "hardlink",
  symlink: "symlink",
  directory: "directory",
  "character-device": "character",
  "block-device": "block",
  fifo: "fifo",
} as const;

type TheirType = keyof typeof ourTypes;

interface Member {
  readonly type: TheirType;
  readonly name: string;
  readonly linkname: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly seconds: number;
  readonly device: readonly [number, number];
  readonly content: Buffer;
  readonly pax: Readonly<Record<string, string>>;
}

const segment = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 30 })
  .map((text) => `x${text.replace(/[\0/\n]/g, "-")}`);
const pathName = fc.array(segment, { minLength: 1, maxLength: 8 }).map((parts) => parts.join("/"));

const member: fc.Arbitrary<Member> = fc
  .record({
    type: fc.constantFrom(...(Object.keys(ourTypes) as TheirType[])),
    name: pathName,
    linkname: pathName,
    // 0 means a default to tar-stream.
    mode: fc.integer({ min: 1, max: 0o7777 }),
    uid: fc.nat(0o777777),
    gid: fc.nat(0o777777),
    seconds: fc.nat(2 ** 31 - 1),
    device: fc.tuple(fc.nat(0o777777), fc.nat(0o777777)),
    content: fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes)),
    pax: fc.constantFrom<Record<string, string>>({}, { "SCHILY.xattr.user.a": "value", comment: "ü" }),
  })
  .map((drawn) => ({
    ...drawn,
    // Both put a slash behind directories' names.
    name: drawn.type === "directory" ? `${drawn.name}/` : drawn.name,
    linkname: drawn.type === "link" || drawn.type === "symlink" ? drawn.linkname : "",
    content: drawn.type === "file" ? drawn.content : Buffer.alloc(0),
    device: drawn.type.endsWith("-device") ? drawn.device : ([0, 0] as const),
  }));

function pack(members: readonly Member[]): Promise<Buffer> {
  const archive = createPack();
  for (const { seconds, device, content, linkname, ...fields } of members) {
    const headers: Partial<Header> & { name: string } = {
      ...fields,
      mtime: new Date(seconds * 1000),
      devmajor: device[0],
      devminor: device[1],
      ...(linkname === "" ? {} : { linkname }),
    };
    archive.entry(headers, content);
  }
  archive.finalize();
  return buffer(archive);
}

interface Extracted {
  readonly header: Header;
  readonly content: Buffer;
}

async function extract(archive: Buffer): Promise<Extracted[]> {
  const extractor = createExtract();
  const entries: Extracted[] = [];
  extractor.on("entry", (entryHeader, stream, next) => {
    buffer(stream).then((content) => {
      entries.push({ header: entryHeader, content });
      next();
    }, next);
  });
  const finished = new Promise<void>((resolve, reject) => {
    extractor.on("finish", () => resolve());
    extractor.on("error", reject);
  });
  Readable.from([archive]).pipe(extractor);
  await finished;
  return entries;
}

describe("tar-stream", () => {
  it("writes what we read", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(member, { maxLength: 4 }), async (members) => {
        const entries = read(await pack(members));
        const shown = entries.map((recorded) => {
          const { entry, stored } = recorded;
          const { name, linkname, mode, uid, gid, mtimeSec, devMajor, devMinor, size } = entry;
          const owner = { mode, uid, gid, mtimeSec, device: [devMajor, devMinor] };
          return { type: entry.type, name, linkname, ...owner, size, stored, xattrs: xattrsOf(recorded) };
        });
        expect(shown).toEqual(
          members.map(({ type, name, linkname, mode, uid, gid, seconds, device, content, pax }) => ({
            type: ourTypes[type],
            name: utf8(name),
            linkname: utf8(linkname),
            mode,
            uid,
            gid,
            mtimeSec: BigInt(seconds),
            device: [...device],
            size: content.length,
            stored: content,
            xattrs: "comment" in pax ? { "user.a": Buffer.from("value").toString("hex") } : {},
          })),
        );
      }),
      { numRuns: 60 },
    );
  });

  it("reads what we read", async () => {
    const archives: Record<string, Buffer> = {
      pax: tar(paxHeader({ path: "p".repeat(300) }), file("short", "content"), file("next", "x")),
      prefix: tar(header({ name: "name", prefix: "some/prefix", type: "0", size: 5 }), padded(Buffer.from("hello"))),
      gnu: tar(
        gnuLong("L", "n".repeat(200)),
        gnuLong("K", "l".repeat(200)),
        header({ name: "n", type: "2", format: "gnu" }),
      ),
      "base-256": tar(header({ name: "n", type: "0", uid: 2 ** 30, gid: 2 ** 31, format: "gnu" })),
      ends: Buffer.concat([tar(file("a", "x")), file("b", "behind the end")]),
      devices: tar(header({ name: "n", type: "3", devMajor: 5, devMinor: 1 }), header({ name: "p", type: "6" })),
    };
    for (const [name, archive] of Object.entries(archives)) {
      const theirs = (await extract(archive)).filter(({ header: { name: file } }) => file !== "b");
      const ours = read(archive);
      expect([
        name,
        ours.map(({ entry }) => [entry.name, entry.linkname, entry.uid, entry.gid, entry.devMajor]),
      ]).toEqual([name, theirs.map(({ header: it }) => [it.name, it.linkname ?? "", it.uid, it.gid, it.devmajor])]);
      expect(ours.map(({ stored }) => stored)).toEqual(theirs.map(({ content }) => content));
    }
  });
});
