import { bytes65 } from "../contents.ts";
import { dump, type FixtureCase, stored } from "../fixture.ts";
import { directory, file, symlink, tar } from "../tar-builder.ts";

/** cap_net_raw=ep: struct vfs_cap_data revision 2 (linux/capability.h). */
const capability = "\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
const capabilityText =
  "\\x01\\x00\\x00\\x02\\x00\\x20\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00";
/** Every kind of byte that text gets wrong, "=" and the record's own newline included. */
const binary = "\0a=b\n\xff\xfe\x80\\";
const binaryText = "\\x00a\\x3db\\n\\xff\\xfe\\x80\\\\";

export const xattrs: FixtureCase = {
  name: "xattrs",
  about: "File capabilities and binary values; what is kept depends on the xattr mode.",
  layers: [
    {
      tar: tar(
        directory("usr", { xattrs: { "user.dir": "d" } }),
        file("usr/ping", bytes65.bytes, {
          mode: 0o755,
          xattrs: { "user.b": binary, "security.capability": capability },
        }),
        file("usr/same", "x", { xattrs: { "user.b": binary, "trusted.t": "1" } }),
        symlink("usr/link", "ping", { xattrs: { "trusted.t": "1" } }),
      ),
    },
  ],
  expect: [
    {
      dump: dump(
        "/ 0 40755 2 0 0 0 1000.0 - - -",
        "/usr 0 40755 2 0 0 0 1000.0 - - -",
        "/usr/link 4 120777 1 0 0 0 1000.0 ping - -",
        `/usr/ping 65 100755 1 0 0 0 1000.0 ${stored(bytes65)} security.capability=${capabilityText}`,
        "/usr/same 1 100644 1 0 0 0 1000.0 - x -",
      ),
    },
    {
      options: { xattrs: "keep-user" },
      dump: dump(
        "/ 0 40755 2 0 0 0 1000.0 - - - user.dir=d",
        "/usr 0 40755 2 0 0 0 1000.0 - - - user.dir=d",
        "/usr/link 4 120777 1 0 0 0 1000.0 ping - -",
        `/usr/ping 65 100755 1 0 0 0 1000.0 ${stored(bytes65)} security.capability=${capabilityText} user.b=${binaryText}`,
        `/usr/same 1 100644 1 0 0 0 1000.0 - x - user.b=${binaryText}`,
      ),
    },
    {
      options: { xattrs: "all" },
      dump: dump(
        "/ 0 40755 2 0 0 0 1000.0 - - - user.dir=d",
        "/usr 0 40755 2 0 0 0 1000.0 - - - user.dir=d",
        "/usr/link 4 120777 1 0 0 0 1000.0 ping - - trusted.t=1",
        `/usr/ping 65 100755 1 0 0 0 1000.0 ${stored(bytes65)} security.capability=${capabilityText} user.b=${binaryText}`,
        `/usr/same 1 100644 1 0 0 0 1000.0 - x - trusted.t=1 user.b=${binaryText}`,
      ),
    },
  ],
};
