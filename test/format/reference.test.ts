import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Oci2cfsError } from "../../src/errors.ts";
import { formatReference, type ImageReference, parseReference } from "../../src/format/reference.ts";

const sha256 = `sha256:${"0123456789abcdef".repeat(4)}`;

function failure(text: string): Oci2cfsError {
  try {
    parseReference(text);
  } catch (error) {
    if (error instanceof Oci2cfsError) return error;
    throw error;
  }
  throw new Error(`${text} was accepted`);
}

describe("names in registries", () => {
  it.each([
    ["debian", "docker://docker.io/library/debian:latest"],
    ["debian:12", "docker://docker.io/library/debian:12"],
    ["user/image", "docker://docker.io/user/image:latest"],
    ["docker://debian", "docker://docker.io/library/debian:latest"],
    ["docker://index.docker.io/debian", "docker://docker.io/library/debian:latest"],
    ["docker://docker.io/library/debian:12", "docker://docker.io/library/debian:12"],
    ["registry:quay.io/fedora/fedora-bootc:41", "docker://quay.io/fedora/fedora-bootc:41"],
    ["registry://quay.io/a/b", "docker://quay.io/a/b:latest"],
    ["localhost/x", "docker://localhost/x:latest"],
    ["localhost:5000/a/b__c/d-e.f:T_1.2-3", "docker://localhost:5000/a/b__c/d-e.f:T_1.2-3"],
    ["HOST/x", "docker://HOST/x:latest"],
    ["docker://[::1]:5000/x", "docker://[::1]:5000/x:latest"],
    [`quay.io/x@${sha256}`, `docker://quay.io/x@${sha256}`],
    [`quay.io/x:t@${sha256}`, `docker://quay.io/x:t@${sha256}`],
  ])("%s is %s", (text, canonical) => {
    expect(formatReference(parseReference(text))).toBe(canonical);
  });

  it("splits host, repository, tag and digest", () => {
    expect(parseReference(`example.org:443/a/b:t@${sha256}`)).toEqual({
      transport: "docker",
      host: "example.org:443",
      repository: "a/b",
      tag: "t",
      digest: sha256,
    });
  });

  it.each([
    "docker://",
    "docker://Debian",
    "docker://quay.io/",
    "docker://quay.io//x",
    "docker://quay.io/x:",
    "docker://quay.io/x:-t",
    `docker://quay.io/x:${"t".repeat(129)}`,
    "docker://quay.io/x@",
    "docker://quay.io/x@sha256:abc",
    "docker://quay.io/x@md5:d41d8cd98f00b204e9800998ecf8427e",
    "docker://quay.io/-x",
    "docker://quay.io/a___b",
    "docker://-quay.io/x",
    `docker://quay.io/${"a".repeat(256)}`,
    "a".repeat(64),
    "docker:debian",
    "",
    " ",
    "a b",
    "a\nb",
    "quay.io/x:t\0",
    "x".repeat(10_000),
  ])("refuses %j", (text) => {
    const error = failure(text);
    expect(error.code).toBe("usage");
    expect(error.hint).toBeDefined();
    expect(error.message).not.toContain("\n");
    expect(error.message.length).toBeLessThan(300);
  });
});

describe("layouts and archives", () => {
  it.each<[string, ImageReference]>([
    ["oci:dir", { transport: "oci", path: "dir" }],
    ["oci:dir:", { transport: "oci", path: "dir" }],
    ["oci:/a/b:tag", { transport: "oci", path: "/a/b", tag: "tag" }],
    ["oci:dir:host:5000/name:tag", { transport: "oci", path: "dir", tag: "host:5000/name:tag" }],
    ["oci:dir:@0", { transport: "oci", path: "dir", index: 0 }],
    [`oci:dir@${sha256}`, { transport: "oci", path: "dir", digest: sha256 as never }],
    [`oci:dir:tag@${sha256}`, { transport: "oci", path: "dir", tag: "tag", digest: sha256 as never }],
    ["oci:a@b:t", { transport: "oci", path: "a@b", tag: "t" }],
    ["oci-archive:a.tar:t", { transport: "oci-archive", path: "a.tar", tag: "t" }],
    ["docker-archive:a.tar", { transport: "docker-archive", path: "a.tar" }],
    ["docker-archive:a.tar:@3", { transport: "docker-archive", path: "a.tar", index: 3 }],
    [
      "docker-archive:a.tar:debian",
      { transport: "docker-archive", path: "a.tar", name: "docker.io/library/debian:latest" },
    ],
    ["dir:a:b", { transport: "dir", path: "a:b" }],
    ["containers-storage:[vfs@/x+/y]a:b", { transport: "containers-storage", reference: "[vfs@/x+/y]a:b" }],
  ])("reads %s", (text, reference) => {
    expect(parseReference(text)).toEqual(reference);
  });

  it.each([
    "oci:",
    "oci::tag",
    "oci:d:a b",
    "oci:d:-",
    "oci:d:@x",
    "oci:d:@01",
    "oci:d@sha256:ab",
    "dir:",
    "containers-storage:",
  ])("refuses %j", (text) => {
    expect(failure(text).code).toBe("usage");
  });

  it.each(["docker-daemon:x:y", "ostree:x", "sif:x.sif", "tarball:x.tar"])("names the transport of %s", (text) => {
    expect(failure(text)).toMatchObject({
      code: "unsupported",
      message: `transport ${text.slice(0, text.indexOf(":"))}`,
    });
  });

  it.each([
    ["./dir", "did you mean oci:./dir"],
    ["/dir:tag", "did you mean oci:/dir:tag"],
    ["https://quay.io/x", "did you mean docker://quay.io/x"],
    ["docker:debian", "did you mean docker://debian"],
  ])("helps with %s", (text, hint) => {
    expect(failure(text).hint).toBe(hint);
  });
});

describe("references as text", () => {
  const component = fc.stringMatching(/^[a-z0-9]{1,8}(?:(?:[._]|__|-{1,2})[a-z0-9]{1,4}){0,2}$/);
  const repository = fc.array(component, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));
  const host = fc.oneof(
    fc.stringMatching(/^[a-z]{1,6}\.[a-z]{2,3}(?::[0-9]{1,5})?$/),
    fc.constantFrom("localhost", "localhost:5000", "[::1]:80", "docker.io"),
  );
  const tag = fc.stringMatching(/^\w[\w.-]{0,20}$/);
  const digest = fc.option(fc.stringMatching(/^sha256:[0-9a-f]{64}$/), { nil: undefined });
  const path = fc.stringMatching(/^[ !-9;-?A-~À-ÿ]{1,30}$/);
  const tail = fc.oneof(
    fc.constant(""),
    tag.filter((text) => /^[a-z0-9]+$/i.test(text)).map((text) => `:${text}`),
    fc.nat(99).map((n) => `:@${n}`),
  );
  const text = fc.oneof(
    fc
      .tuple(host, repository, fc.option(tag, { nil: undefined }), digest)
      .map(
        ([where, name, label, hash]) =>
          `docker://${where}/${name}${label === undefined ? "" : `:${label}`}${hash === undefined ? "" : `@${hash}`}`,
      ),
    fc
      .tuple(fc.constantFrom("oci", "oci-archive"), path, tail, digest)
      .map(([transport, where, image, hash]) => `${transport}:${where}${image}${hash === undefined ? "" : `@${hash}`}`),
    fc.tuple(path, tail).map(([where, image]) => `docker-archive:${where}${image.toLowerCase()}`),
    path.map((where) => `dir:${where}`),
  );

  it("gives the same reference for its canonical text", () => {
    fc.assert(
      fc.property(text, (given) => {
        const reference = parseReference(given);
        const canonical = formatReference(reference);
        expect(parseReference(canonical)).toEqual(reference);
        expect(formatReference(parseReference(canonical))).toBe(canonical);
      }),
      { numRuns: 500 },
    );
  });

  it("accepts or refuses any text, and what it accepts is stable", () => {
    const any = fc.oneof(
      fc.string({ maxLength: 60 }),
      fc
        .tuple(
          fc.constantFrom("oci:", "docker://", "oci-archive:", "docker-archive:", "dir:", ""),
          fc.string({ maxLength: 60 }),
        )
        .map((parts) => parts.join("")),
      fc.string({ unit: fc.constantFrom(..."a0:@/.-_ A"), maxLength: 40 }),
    );
    fc.assert(
      fc.property(any, (given) => {
        let reference: ImageReference;
        try {
          reference = parseReference(given);
        } catch (error) {
          expect(error).toBeInstanceOf(Oci2cfsError);
          return;
        }
        expect(parseReference(formatReference(reference))).toEqual(reference);
      }),
      { numRuns: 2000 },
    );
  });

  it.each(["-", "a-", "a.", "a/", "@", "@sha256:", "a--", ":", "a_"])("is quick to refuse a long run of %j", (unit) => {
    for (const prefix of ["docker://h.io/", "oci:d:", ""]) {
      const given = `${prefix}${unit.repeat(Math.floor(8000 / unit.length))}!`;
      expect(failure(given).code).toBe("usage");
    }
  });
});
