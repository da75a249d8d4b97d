import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { paxHeader } from "../../../oci-fixtures/tar-builder.ts";
import { Oci2cfsError } from "../../../src/errors.ts";
import { DEFAULT_TAR_LIMITS, type TarLimits } from "../../../src/format/tar/limits.ts";
import { type PaxFields, parsePax } from "../../../src/format/tar/pax.ts";

type Records = readonly (readonly [key: string, value: string])[];

/** The records alone, without the header block in front of them and the filling behind. */
function encode(records: Records): Buffer {
  const archived = paxHeader(records);
  return archived.subarray(512, 512 + Number.parseInt(archived.toString("latin1", 124, 135), 8));
}

function parse(records: Records, limits: Partial<TarLimits> = {}): PaxFields {
  return parsePax(encode(records), { ...DEFAULT_TAR_LIMITS, ...limits });
}

function parseText(text: string): PaxFields {
  return parsePax(Buffer.from(text, "latin1"), DEFAULT_TAR_LIMITS);
}

function failureOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof Oci2cfsError) return error.message;
    throw error;
  }
  return "parsed";
}

const xattrsOf = (fields: PaxFields): Record<string, string> => Object.fromEntries(fields.xattrs ?? []);

const byte = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code));
const anyBytes = fc.string({ unit: byte, maxLength: 200 });
const text = fc.string({ unit: byte.map((char) => (char === "\0" ? "-" : char)), minLength: 1, maxLength: 200 });

describe("pax records", () => {
  it("give back what was written, every byte of it", () => {
    const written = fc.record({
      path: text,
      linkpath: text,
      size: fc.maxSafeNat(),
      uid: fc.integer({ min: 0, max: 0xffffffff }),
      gid: fc.integer({ min: 0, max: 0xffffffff }),
      mtime: fc.tuple(fc.integer({ min: -(2 ** 40), max: 2 ** 40 }), fc.integer({ min: 0, max: 999_999_999 })),
      // A key ends at the first "=".
      xattrs: fc.dictionary(
        text.map((name) => name.replaceAll("=", "-")),
        anyBytes,
        { maxKeys: 5, noNullPrototype: true },
      ),
    });
    fc.assert(
      fc.property(
        written,
        fc.nat(),
        ({ path, linkpath, size, uid, gid, mtime: [seconds, nanoseconds], xattrs }, turn) => {
          // -1.25 s is 2 s before 1970 and 0.75 s on.
          const isFraction = seconds < 0 && nanoseconds > 0;
          const shown = `${isFraction ? `-${-(seconds + 1)}` : seconds}.${String(
            isFraction ? 1_000_000_000 - nanoseconds : nanoseconds,
          ).padStart(9, "0")}`;
          const records: [string, string][] = [
            ["path", path],
            ["linkpath", linkpath],
            ["size", `${size}`],
            ["uid", `${uid}`],
            ["gid", `${gid}`],
            ["mtime", shown],
            ["atime", "5"],
            ["comment", "\n\0="],
            ...Object.entries(xattrs).map(([name, value]): [string, string] => [`SCHILY.xattr.${name}`, value]),
          ];
          const start = turn % records.length;
          const fields = parse([...records.slice(start), ...records.slice(0, start)]);
          expect(fields).toMatchObject({ path, linkpath, size, uid, gid });
          expect([fields.mtimeSec, fields.mtimeNsec]).toEqual([BigInt(seconds), nanoseconds]);
          expect(xattrsOf(fields)).toEqual(xattrs);
          expect(fields.sparse).toBeUndefined();
        },
      ),
    );
  });

  it("leave everything alone when there is none", () => {
    const fields = parse([]);
    expect(Object.entries(fields).filter(([key, value]) => key !== "mtimeNsec" && value !== undefined)).toEqual([]);
    expect(parse([["hdrcharset", "BINARY"]])).toEqual(fields);
  });

  it("count the last time, and an empty value takes a key away", () => {
    const set: Records = [
      ["path", "a"],
      ["linkpath", "b"],
      ["size", "1"],
      ["uid", "2"],
      ["gid", "3"],
      ["mtime", "4.5"],
    ];
    expect(parse([...set, ["path", "z"], ["size", "9"]])).toMatchObject({ path: "z", size: 9, uid: 2 });
    expect(parse([...set, ...set.map(([key]) => [key, ""] as const)])).toEqual(parse([]));
  });

  it("end paths at a NUL", () => {
    expect(parse([["path", "a\0b"]]).path).toBe("a");
    expect(parse([["linkpath", "\0b"]]).linkpath).toBeUndefined();
  });

  it("may be followed by NULs", () => {
    expect(parsePax(Buffer.concat([encode([["path", "a"]]), Buffer.alloc(20)]), DEFAULT_TAR_LIMITS).path).toBe("a");
  });

  it.each([
    ["0", 0n, 0],
    ["-0", 0n, 0],
    ["1700000000", 1_700_000_000n, 0],
    ["1.", 1n, 0],
    ["1.5", 1n, 500_000_000],
    ["1.000000001", 1n, 1],
    ["1.0000000019", 1n, 1],
    ["1.999999999999999999", 1n, 999_999_999],
    ["00001.10", 1n, 100_000_000],
    ["-1", -1n, 0],
    ["-1.0", -1n, 0],
    ["-1.25", -2n, 750_000_000],
    ["-0.5", -1n, 500_000_000],
    ["999999999999999", 999_999_999_999_999n, 0],
  ])("read the time %s", (value, seconds, nanoseconds) => {
    const { mtimeSec, mtimeNsec } = parse([["mtime", value]]);
    expect([mtimeSec, mtimeNsec]).toEqual([seconds, nanoseconds]);
  });

  it.each([["-"], ["."], [".5"], ["x"], ["1x"], ["1.x"], ["1.5x"], ["1.-5"], ["+1"], ["--1"], [" 1"], ["1 "], ["1e9"]])(
    "refuse the time %j",
    (value) => {
      expect(failureOf(() => parse([["mtime", value]]))).toMatch(/^pax mtime=".*" is not a time$/);
    },
  );

  it("refuse a time of more digits than a number holds", () => {
    expect(failureOf(() => parse([["mtime", "9".repeat(400)]]))).toMatch(/is not a time$/);
  });

  it.each([["size"], ["uid"], ["gid"]])("refuse a %s that is no number of its range", (key) => {
    for (const value of ["-1", "x", "1x", " 1", "0x10", "1.0", "1e3", "9".repeat(50), `${2 ** 53}`]) {
      expect([value, failureOf(() => parse([[key, value]]))]).toEqual([value, expect.stringContaining(`pax ${key}=`)]);
    }
    if (key !== "size") {
      expect(failureOf(() => parse([[key, `${2 ** 32}`]]))).toBe(`pax ${key}=4294967296 is not a 32-bit number`);
    }
  });

  it("refuse lengths that lie", () => {
    const lies = [
      "8 path=a\n", // one too few
      "11 path=a\n", // one too many
      "1000000 path=a\n",
      "99999999999999999999999999 path=a\n",
      "0 path=a\n",
      "1 path=a\n",
      "2 path=a\n",
      "-10 path=a\n",
      "x path=a\n",
      " path=a\n",
      "10path=a\n",
      "9 path=a ",
      "10",
      "10 ",
      "\n",
    ];
    for (const lie of lies) {
      expect([lie, failureOf(() => parseText(lie))]).toEqual([lie, expect.stringContaining("has a wrong length")]);
      expect(failureOf(() => parseText(`10 path=b\n${lie}`))).toMatch(/^pax record at byte 10 of its header/);
    }
  });

  it("refuse a record without a value", () => {
    expect(failureOf(() => parseText("3 \n"))).toBe('pax record at byte 0 of its header has no "="');
    expect(failureOf(() => parseText("8 paths\n"))).toBe('pax record at byte 0 of its header has no "="');
    expect(failureOf(() => parseText("8 paths\n10 path=a\n"))).toBe('pax record at byte 0 of its header has no "="');
  });
});

describe("xattrs in pax records", () => {
  it("are told apart when some stand under LIBARCHIVE only", () => {
    const fields = parse([
      ["SCHILY.xattr.user.a", "1"],
      ["LIBARCHIVE.xattr.user.a", "Mg=="],
      ["LIBARCHIVE.xattr.user.b", "Mw=="],
    ]);
    expect(xattrsOf(fields)).toEqual({ "user.a": "1", "user.b": "3" });
    expect(Object.fromEntries(fields.schilyXattrs ?? [])).toEqual({ "user.a": "1" });
    expect(parse([["SCHILY.xattr.user.a", "1"]]).schilyXattrs).toBeUndefined();
  });

  const capability = "\x01\0\0\x02\0\x20\n=\xff\0\0";

  it("are raw bytes under SCHILY.xattr", () => {
    expect(xattrsOf(parse([["SCHILY.xattr.security.capability", capability]]))).toEqual({
      "security.capability": capability,
    });
    expect(xattrsOf(parse([["SCHILY.xattr.user.empty", ""]]))).toEqual({ "user.empty": "" });
  });

  it("are base64 under names with percent signs under LIBARCHIVE.xattr", () => {
    fc.assert(
      fc.property(text, anyBytes, fc.boolean(), (name, value, isPadded) => {
        const encodedName = name.replace(/[^a-z.]/g, (c) => `%${c.charCodeAt(0).toString(16).padStart(2, "0")}`);
        const base64 = Buffer.from(value, "latin1").toString("base64");
        const shown = isPadded ? base64 : base64.replace(/=+$/, "");
        expect(xattrsOf(parse([[`LIBARCHIVE.xattr.${encodedName}`, shown]]))).toEqual({ [name]: value });
      }),
    );
    expect(xattrsOf(parse([["LIBARCHIVE.xattr.user.100%", "YQ=="]]))).toEqual({ "user.100%": "a" });
  });

  it("under both keys are SCHILY's, whichever comes first", () => {
    const records: Records = [
      ["LIBARCHIVE.xattr.user.a", "bGliYXJjaGl2ZQ=="],
      ["SCHILY.xattr.user.a", "schily"],
    ];
    expect(xattrsOf(parse(records))).toEqual({ "user.a": "schily" });
    expect(xattrsOf(parse(records.toReversed()))).toEqual({ "user.a": "schily" });
  });

  it("of bsdtar keep under both keys the name that podman sees", () => {
    const records: Records = [
      ["SCHILY.xattr.user.a%25b", "schily"],
      ["LIBARCHIVE.xattr.user.a%25b", "bGliYXJjaGl2ZQ"],
      ["LIBARCHIVE.xattr.user.c%25d", "bGliYXJjaGl2ZQ"],
    ];
    const expected = { "user.a%25b": "schily", "user.c%d": "libarchive" };
    expect(xattrsOf(parse(records))).toEqual(expected);
    expect(xattrsOf(parse(records.toReversed()))).toEqual(expected);
  });

  it("have names", () => {
    for (const key of ["SCHILY.xattr.", "SCHILY.xattr.user.\0a", "LIBARCHIVE.xattr.", "LIBARCHIVE.xattr.user.%00"]) {
      expect(failureOf(() => parse([[key, "YQ=="]]))).toBe("an xattr name is empty or has a NUL");
    }
  });

  it("are bounded, one by one and together", () => {
    const limits = { xattrValue: 10, xattrTotal: 30 };
    const value = "v".repeat(10);
    expect(xattrsOf(parse([["SCHILY.xattr.user.a", value]], limits))).toEqual({ "user.a": value });
    expect(failureOf(() => parse([["SCHILY.xattr.user.a", `${value}v`]], limits))).toBe("xattr user.a has 11 bytes");
    const twice: Records = [
      ["SCHILY.xattr.a.b.c", value],
      ["SCHILY.xattr.d.e.f", value],
    ];
    expect(parse(twice, limits).xattrs?.size).toBe(2);
    expect(failureOf(() => parse([...twice, ["SCHILY.xattr.g", ""]], limits))).toBe("xattrs of more than 30 bytes");
    // Repeating one does not get around it.
    expect(failureOf(() => parse([...twice, ...twice], limits))).toBe("xattrs of more than 30 bytes");
  });

  it("of 64 KiB fit, the most that Linux has, also when bsdtar writes them twice", () => {
    const value = "\xff".repeat(65536);
    const records: Records = [
      ["LIBARCHIVE.xattr.user.a", Buffer.from(value, "latin1").toString("base64")],
      ["SCHILY.xattr.user.a", value],
    ];
    expect(xattrsOf(parse(records))).toEqual({ "user.a": value });
    expect(failureOf(() => parse([["SCHILY.xattr.user.a", `${value}a`]]))).toBe("xattr user.a has 65537 bytes");
  });
});

describe("GNU.sparse records", () => {
  const segments = [
    { offset: 0, length: 512 },
    { offset: 1024, length: 7 },
  ];

  it("are format 0.0: pairs of offset and numbytes", () => {
    const { sparse } = parse([
      ["GNU.sparse.size", "2048"],
      ["GNU.sparse.numblocks", "2"],
      ["GNU.sparse.offset", "0"],
      ["GNU.sparse.numbytes", "512"],
      ["GNU.sparse.offset", "1024"],
      ["GNU.sparse.numbytes", "7"],
    ]);
    expect(sparse).toMatchObject({ realSize: 2048, segments, pendingOffset: undefined, name: undefined, major: 0 });
  });

  it("are format 0.1: one map", () => {
    const { sparse } = parse([
      ["GNU.sparse.size", "2048"],
      ["GNU.sparse.numblocks", "2"],
      ["GNU.sparse.name", "dir/na\xffme"],
      ["GNU.sparse.map", "0,512,1024,7"],
    ]);
    expect(sparse).toMatchObject({ realSize: 2048, segments, name: "dir/na\xffme" });
    expect(parse([["GNU.sparse.map", ""]]).sparse?.segments).toEqual([]);
  });

  it("are format 1.0: versions, name and size, with the map elsewhere", () => {
    const { sparse } = parse([
      ["GNU.sparse.major", "1"],
      ["GNU.sparse.minor", "0"],
      ["GNU.sparse.name", "name"],
      ["GNU.sparse.realsize", "2048"],
    ]);
    expect(sparse).toMatchObject({ realSize: 2048, major: 1, minor: 0, segments: [], name: "name" });
  });

  it.each<[string, Records, RegExp]>([
    [
      "two offsets",
      [
        ["GNU.sparse.offset", "0"],
        ["GNU.sparse.offset", "1"],
      ],
      /offset twice without a length/,
    ],
    ["numbytes first", [["GNU.sparse.numbytes", "0"]], /numbytes without an offset/],
    ["an odd map", [["GNU.sparse.map", "0,1,2"]], /odd number of parts/],
    ["a map of words", [["GNU.sparse.map", "0,x"]], /is not a whole number below 2\^53/],
    ["a negative offset", [["GNU.sparse.offset", "-1"]], /is not a whole number below 2\^53/],
    ["an enormous offset", [["GNU.sparse.offset", "9".repeat(30)]], /is not a whole number below 2\^53/],
    ["a size that is none", [["GNU.sparse.realsize", "1k"]], /is not a whole number below 2\^53/],
  ])("refuse %s", (_, records, message) => {
    expect(failureOf(() => parse(records))).toMatch(message);
  });

  it("are bounded in number", () => {
    const pairs = (count: number): Records =>
      Array.from({ length: 2 * count }, (_, index) => [`GNU.sparse.${index % 2 === 0 ? "offset" : "numbytes"}`, "0"]);
    const map = (count: number): Records => [
      [
        "GNU.sparse.map",
        Array<string>(2 * count)
          .fill("0")
          .join(","),
      ],
    ];
    for (const records of [pairs, map]) {
      expect(parse(records(10), { sparseSegments: 10 }).sparse?.segments).toHaveLength(10);
      expect(failureOf(() => parse(records(11), { sparseSegments: 10 }))).toBe("a sparse map of more than 10 runs");
    }
  });
});
