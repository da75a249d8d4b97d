import type { FixtureCase } from "../../fixture.ts";
import { directory, file, header, padded, tar } from "../../tar-builder.ts";

export const hostileBadPax: FixtureCase = {
  name: "hostile-bad-pax",
  about: "A pax record whose length does not fit.",
  layers: [
    {
      tar: tar(
        directory("usr"),
        header({ name: "pax", type: "x", size: 12 }),
        padded(Buffer.from("99 path=a/b\n")),
        file("usr/a"),
      ),
    },
  ],
  expect: [{ code: "bad-format", message: /pax/ }],
};
