import { dump, type FixtureCase } from "../fixture.ts";
import { directory, file, gnuLong, hardlink, header, padded, symlink, tar } from "../tar-builder.ts";

const name = (letter: string, length: number): string => letter.repeat(length);
const deep = `usr/${name("d", 120)}`;

export const longNames: FixtureCase = {
  name: "long-names",
  about:
    "Names up to 255 bytes and long link targets, by ustar prefix, pax and GNU headers; a file that fills its name field.",
  layers: [
    {
      tar: tar(
        directory("usr"),
        file(`usr/${name("a", 96)}`, "1"),
        directory("cut", { pax: { path: `${deep}/` } }),
        Buffer.concat([header({ name: name("p", 100), prefix: deep, type: "0", size: 1 }), padded(Buffer.from("1"))]),
        file("cut", "1", { pax: { path: `${deep}/${name("x", 255)}` } }),
        Buffer.concat([gnuLong("L", `${deep}/${name("g", 255)}`), file("cut", "1", { format: "gnu" })]),
        symlink("usr/pax-link", "cut", { pax: { linkpath: name("t", 1000) } }),
        Buffer.concat([gnuLong("K", name("u", 1000)), symlink("usr/gnu-link", "cut", { format: "gnu" })]),
        hardlink("usr/hard", "cut", { pax: { linkpath: `${deep}/${name("x", 255)}` } }),
      ),
    },
  ],
  expect: [
    {
      dump: dump(
        "/ 0 40755 2 0 0 0 1000.0 - - -",
        "/usr 0 40755 2 0 0 0 1000.0 - - -",
        `/usr/${name("a", 96)} 1 100644 1 0 0 0 1000.0 - 1 -`,
        `/${deep} 0 40755 2 0 0 0 1000.0 - - -`,
        `/${deep}/${name("g", 255)} 1 100644 1 0 0 0 1000.0 - 1 -`,
        `/${deep}/${name("p", 100)} 1 100644 1 0 0 0 1000.0 - 1 -`,
        `/${deep}/${name("x", 255)} 1 100644 2 0 0 0 1000.0 - 1 -`,
        `/usr/gnu-link 1000 120777 1 0 0 0 1000.0 ${name("u", 1000)} - -`,
        `/usr/hard 0 @100644 - - - - 0.0 /${deep}/${name("x", 255)} - -`,
        `/usr/pax-link 1000 120777 1 0 0 0 1000.0 ${name("t", 1000)} - -`,
      ),
    },
  ],
};
