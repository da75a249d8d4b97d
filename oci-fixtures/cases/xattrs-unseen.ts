import { dump, type FixtureCase } from "../fixture.ts";
import { directory, file, tar } from "../tar-builder.ts";

export const xattrsUnseen: FixtureCase = {
  name: "xattrs-unseen",
  about: "Xattrs that other unpackers lose: one without a value, and an SELinux label with its NUL.",
  layers: [
    {
      tar: tar(
        directory("usr"),
        file("usr/empty", "1", { xattrs: { "user.empty": "" } }),
        file("usr/label", "1", { xattrs: { "security.selinux": "u:r:t:s0\0" } }),
      ),
    },
  ],
  umociDiffers: "umoci leaves security.selinux out, and Go's tar reader every record without a value",
  expect: [
    {
      options: { xattrs: "all" },
      dump: dump(
        "/ 0 40755 2 0 0 0 1000.0 - - -",
        "/usr 0 40755 2 0 0 0 1000.0 - - -",
        "/usr/empty 1 100644 1 0 0 0 1000.0 - 1 - user.empty=",
        "/usr/label 1 100644 1 0 0 0 1000.0 - 1 - security.selinux=u:r:t:s0\\x00",
      ),
    },
  ],
};
