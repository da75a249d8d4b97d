// The rules that are applied after all layers: the root, /run, xattrs, hard links, and what a bootable image needs.

import { describe, expect, it } from "vitest";
import { encodeText } from "../../src/format/bytes.ts";
import type { VerityDigest } from "../../src/format/digest.ts";
import type { Directory, Leaf, Node, Xattrs } from "../../src/format/node.ts";
import type { TarEntry } from "../../src/format/tar/entry.ts";
import { selinuxPolicyOf } from "../../src/tree/boot.ts";
import { inodeOf, lookup } from "../../src/tree/walk.ts";
import { build, directory, entry, file, finish, hardlink, type Layer, symlink, text, xattrs } from "./layers.ts";

const at = (root: Directory, path: string): Node | undefined => lookup(root, encodeText(path));
const names = (values: Xattrs | undefined): string[] => [...(values?.keys() ?? [])].sort();

const usr: Partial<TarEntry> = { mode: 0o751, uid: 1, gid: 2, mtimeSec: 3n, mtimeNsec: 4 };
const usrMetadata = { mode: 0o040751, uid: 1, gid: 2, mtimeSec: 3n, mtimeNsec: 4 };

describe("the root", () => {
  it("has the metadata of /usr, whatever its own entry says", () => {
    const capability = xattrs({ "security.capability": "c", "user.x": "1" });
    const root = finish(
      build([[directory("./", { mode: 0o700, uid: 9 }), directory("usr", { ...usr, xattrs: capability })]]),
    );
    expect(root).toMatchObject(usrMetadata);
    expect(names(root.xattrs)).toEqual(["security.capability"]);
  });

  it.each([
    ["without /usr", []],
    ["with a symlink as /usr", [directory("system"), symlink("usr", "system")]],
    ["with a file as /usr", [file("usr")]],
  ] as [string, Layer][])("is root's, 0755 and of 1970 in an image %s; composefs-rs refuses it", (_, layer) => {
    const marked = [directory("./", { ...usr, xattrs: xattrs({ "security.capability": "c" }) }), ...layer];
    const root = finish(build([marked]));
    expect(root).toMatchObject({ mode: 0o040755, uid: 0, gid: 0, mtimeSec: 0n, mtimeNsec: 0 });
    expect(root.xattrs.size).toBe(0);
    expect(() => finish(build([marked], "composefs-rs"), { compat: "composefs-rs" })).toThrow(
      expect.objectContaining({ code: "unsupported" }),
    );
  });
});

describe("/run", () => {
  it("is emptied and takes the time of /usr, and nothing else of it", () => {
    const root = finish(
      build([[directory("usr", usr), directory("run", { mode: 0o700, uid: 7 }), directory("run/lock"), file("run/x")]]),
    );
    const run = at(root, "/run") as Directory;
    expect([...run.children]).toEqual([]);
    expect(run).toMatchObject({ mode: 0o040700, uid: 7, gid: 0, mtimeSec: 3n, mtimeNsec: 4 });
  });

  it("stays as it is when it is no directory, and is not made when it is missing", () => {
    expect(at(finish(build([[directory("usr", usr), symlink("run", "var/run")]])), "/run")).toMatchObject({
      kind: "symlink",
      mtimeSec: 0n,
    });
    expect(at(finish(build([[directory("usr")]])), "/run")).toBeUndefined();
  });

  it("takes names away from what has others outside", () => {
    const root = finish(build([[directory("run"), file("run/a", 5), hardlink("z", "run/a"), hardlink("y", "z")]]));
    expect(at(root, "/y")).toMatchObject({ kind: "regular", uid: 5, nlink: 2 });
    expect(at(root, "/z")).toMatchObject({ kind: "hardlink", target: { uid: 5 } });
    const alone = finish(build([[directory("run"), file("run/a", 5), hardlink("z", "run/a")]]));
    expect(at(alone, "/z")).toMatchObject({ kind: "regular", nlink: 1 });
  });
});

describe("xattrs", () => {
  const all = {
    "security.capability": "c",
    "security.capabilityX": "c",
    "security.selinux": "s",
    "system.posix_acl_access": "a",
    "trusted.overlay.opaque": "y",
    user: "u",
    "user.a": "1",
    userx: "u",
  };
  const layer = [
    directory("usr", { xattrs: xattrs(all) }),
    { ...file("usr/f"), xattrs: xattrs(all) },
    { ...symlink("usr/l", "f"), xattrs: xattrs({ "user.b": "" }) },
  ];

  it.each([
    ["allowlist", ["security.capability"], []],
    ["keep-user", ["security.capability", "user.a"], ["user.b"]],
    ["all", Object.keys(all).sort(), ["user.b"]],
  ] as const)("%s", (mode, kept, ofLink) => {
    const root = finish(build([layer]), { xattrs: mode });
    for (const path of ["/", "/usr", "/usr/f"]) {
      const node = at(root, path);
      expect(names(node === undefined ? undefined : inodeOf(node).xattrs)).toEqual(kept);
    }
    expect(names((at(root, "/usr/l") as Leaf).xattrs)).toEqual(ofLink);
  });

  it("keep their bytes", () => {
    const value = "\x01\0\0\x02\xff\xfe";
    const capability = new Map([[encodeText("security.capability"), value as never]]);
    const root = finish(build([[{ ...file("f"), xattrs: capability }]]));
    expect((at(root, "/f") as Leaf).xattrs.get(encodeText("security.capability"))).toBe(value);
  });
});

describe("hard links", () => {
  it("belong to the first name depth first, which is not the first of a directory by directory order", () => {
    const root = finish(build([[file("b", 4), hardlink("a/z/deep", "b"), hardlink("a-", "b")]]));
    expect(at(root, "/a/z/deep")).toMatchObject({ kind: "regular", nlink: 3 });
    expect(at(root, "/a-")).toMatchObject({ kind: "hardlink" });
    expect(at(root, "/b")).toMatchObject({ kind: "hardlink" });
  });

  it("become files of their own when an entry replaces a name", () => {
    const root = finish(build([[file("a", 4), hardlink("b", "a"), hardlink("c", "a")], [file("a", 5)]]));
    expect(at(root, "/a")).toMatchObject({ kind: "regular", uid: 5, nlink: 1 });
    expect(at(root, "/b")).toMatchObject({ kind: "regular", uid: 4, nlink: 2 });
    expect(at(root, "/c")).toMatchObject({ kind: "hardlink", target: { uid: 4 } });
  });

  it("to the name itself change nothing", () => {
    expect(at(finish(build([[file("a", 4), hardlink("a", "a")]])), "/a")).toMatchObject({ uid: 4, nlink: 1 });
  });

  it("ignore the metadata of their entries", () => {
    const root = finish(build([[file("a", 4), { ...hardlink("b", "a"), uid: 9, mode: 0o777, mtimeSec: 9n }]]));
    expect(at(root, "/a")).toMatchObject({ uid: 4, mode: 0o100644, mtimeSec: 0n });
  });

  it("are as they were when a finished tree is finished again", () => {
    const root = finish(finish(build([[file("a", 4), hardlink("b", "a")]])));
    expect(at(root, "/a")).toMatchObject({ kind: "regular", nlink: 2 });
    expect(at(root, "/b")).toMatchObject({ kind: "hardlink" });
  });
});

describe("a bootable image", () => {
  const base = [directory("usr", usr), directory("boot", { mtimeNsec: 7 }), directory("sysroot", { uid: 8 })];
  const bootable = (layer: Layer, readContent?: (digest: VerityDigest) => Buffer): Directory =>
    finish(build([layer]), { bootable: true, xattrs: "all", ...(readContent === undefined ? {} : { readContent }) });

  it("has an empty /boot and /sysroot with the seconds of /usr's time", () => {
    const root = bootable([...base, directory("boot/efi"), file("boot/efi/x"), file("sysroot/y")]);
    expect(at(root, "/boot")).toMatchObject({ children: new Map(), mtimeSec: 3n, mtimeNsec: 7 });
    expect(at(root, "/sysroot")).toMatchObject({ children: new Map(), mtimeSec: 3n, mtimeNsec: 0, uid: 8 });
  });

  it("keeps both as they are when it is not to be bootable", () => {
    expect(at(finish(build([[...base, file("boot/x")]])), "/boot/x")).toBeDefined();
  });

  it.each(["boot", "sysroot"])("is refused without a directory /%s, with what to do", (name) => {
    const rest = base.filter((item) => item.name !== name);
    for (const layer of [rest, [...rest, file(name)], [...rest, symlink(name, "usr")]]) {
      expect(() => bootable(layer)).toThrow(
        expect.objectContaining({ code: "unsupported", hint: expect.stringContaining(`mkdir -p /${name}`) }),
      );
    }
  });

  it("has no labels when it has no policy of its own, whatever xattrs are kept", () => {
    const labels = xattrs({ "security.selinux": "system_u:object_r:usr_t:s0", "user.x": "1" });
    const root = bootable([...base, { ...file("usr/f"), xattrs: labels }]);
    expect(names((at(root, "/usr/f") as Leaf).xattrs)).toEqual(["user.x"]);
  });

  it("is refused when it has a policy", () => {
    expect(() => bootable([...base, text("etc/selinux/config", "SELINUXTYPE=targeted\n")])).toThrow(
      /SELinux policy \("targeted"\)/,
    );
  });
});

describe("the SELinux policy of an image", () => {
  const policyOf = (layer: Layer, content = ""): string | undefined =>
    selinuxPolicyOf(build([layer]), () => Buffer.from(content));

  it.each([
    ["SELINUX=enforcing\nSELINUXTYPE=targeted\n", "targeted"],
    ["  selinuxtype = mls \nSELINUXTYPE=targeted", "mls"],
    ["SELINUXTYPE=a=b", "a=b"],
    ["#SELINUXTYPE=targeted\n", undefined],
    ["SELINUXTYPE\n", undefined],
    ["", undefined],
  ])("of the configuration %j is %s", (config, policy) => {
    expect(policyOf([text("etc/selinux/config", config)])).toBe(policy);
  });

  it("is read from an object when the configuration is one", () => {
    const digest = "ab".repeat(32) as VerityDigest;
    const config = entry("regular", "etc/selinux/config", { size: 100 });
    expect(policyOf([[config, { external: digest }]], `${"#".repeat(70)}\nSELINUXTYPE=targeted\n`)).toBe("targeted");
  });

  it("is none without a configuration", () => {
    for (const layer of [[], [directory("etc/selinux")], [file("etc")], [file("etc/selinux")]]) {
      expect(policyOf(layer)).toBeUndefined();
    }
  });

  it.each([
    ["etc", [symlink("etc", "usr/etc")]],
    ["etc/selinux", [symlink("etc/selinux", "../usr")]],
    ["etc/selinux/config", [symlink("etc/selinux/config", "x")]],
    ["etc/selinux/config, a directory", [directory("etc/selinux/config")]],
  ] as [string, Layer][])("is not looked for through %s", (_, layer) => {
    expect(() => policyOf(layer)).toThrow(expect.objectContaining({ code: "unsupported" }));
  });
});
