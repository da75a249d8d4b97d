import { dump, type FixtureCase } from "../fixture.ts";
import { directory, file, hardlink, tar } from "../tar-builder.ts";

const common = { mtime: 1_234_567_890, format: "gnu" } as const;
const content = "hello from test layer\n";

/** The sha256 of the tar that composefs-rs makes; this one is the same bit for bit. */
export const PINNED_TAR = "sha256:d4b08b0aa1edc40fc9f685c276664ed75a253915faca4a9d74774ec16d0300d9";

const archive = tar(
  // composefs-rs' test names the directory with its slash.
  directory("usr", common),
  file("hello.txt", content, common),
  hardlink("hello-link.txt", "hello.txt", { ...common, mode: 0 }),
);

const tool = "composefs-rs 0.9.0, its own integration test";
const digest =
  "d06f1f6a73f62ed48e05ce9442ff045cdf2a9f5ba1ec623795de3d6177a253d91076459795d94f55d8c3d71dab458bb3fc0071255a50c0a4896d86ffdc870b9a";

export const composefsRsPin: FixtureCase = {
  name: "composefs-rs-pin",
  about: "The image of composefs-rs' integration test, whose sha512 digest that project pins.",
  // The record size of GNU tar.
  layers: [{ tar: Buffer.concat([archive, Buffer.alloc(10_240 - archive.length)]), compression: "none" }],
  expect: [
    {
      dump: dump(
        "/ 0 40755 2 0 0 0 1234567890.0 - - -",
        "/hello-link.txt 22 100644 2 0 0 0 1234567890.0 - hello\\x20from\\x20test\\x20layer\\n -",
        "/hello.txt 0 @100644 - - - - 0.0 /hello-link.txt - -",
        "/usr 0 40755 2 0 0 0 1234567890.0 - - -",
      ),
    },
    { options: { algorithm: "sha512" }, digest, tool },
    { options: { algorithm: "sha512", compat: "composefs-rs" }, digest, tool },
  ],
};
