import { dump, type FixtureCase } from "../fixture.ts";
import { directory, file, hardlink, symlink, tar, whiteout } from "../tar-builder.ts";

export const symlinkedParents: FixtureCase = {
  name: "symlinked-parents",
  about: "Paths through symlinks, relative, absolute and climbing above the root, stay in the image.",
  layers: [
    {
      tar: tar(
        directory("usr"),
        directory("usr/lib"),
        symlink("lib", "usr/lib"),
        symlink("absolute", "/usr/lib"),
        symlink("climbing", "../../../usr/lib"),
        symlink("chain", "lib/up"),
        symlink("usr/lib/up", ".."),
        file("lib/a", "1"),
        file("absolute/b", "1"),
        file("climbing/c", "1"),
        file("chain/d", "1"),
        file("usr/lib/gone", "1"),
      ),
    },
    { tar: tar(whiteout("lib/gone"), hardlink("lib/e", "absolute/b")) },
  ],
  expect: [
    {
      dump: dump(
        "/ 0 40755 2 0 0 0 1000.0 - - -",
        "/absolute 8 120777 1 0 0 0 1000.0 /usr/lib - -",
        "/chain 6 120777 1 0 0 0 1000.0 lib/up - -",
        "/climbing 16 120777 1 0 0 0 1000.0 ../../../usr/lib - -",
        "/lib 7 120777 1 0 0 0 1000.0 usr/lib - -",
        "/usr 0 40755 2 0 0 0 1000.0 - - -",
        "/usr/d 1 100644 1 0 0 0 1000.0 - 1 -",
        "/usr/lib 0 40755 2 0 0 0 1000.0 - - -",
        "/usr/lib/a 1 100644 1 0 0 0 1000.0 - 1 -",
        "/usr/lib/b 1 100644 2 0 0 0 1000.0 - 1 -",
        "/usr/lib/c 1 100644 1 0 0 0 1000.0 - 1 -",
        "/usr/lib/e 0 @100644 - - - - 0.0 /usr/lib/b - -",
        "/usr/lib/up 2 120777 1 0 0 0 1000.0 .. - -",
      ),
    },
    { options: { compat: "composefs-rs" }, code: "bad-format", message: /symlink/ },
  ],
};
