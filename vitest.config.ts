// The test runner's configuration. Tests import the TypeScript sources by name, but what runs is the compiled code in
// dist/: worker threads cannot load TypeScript on Node 20, and so the tests see exactly what users run.
import path from "node:path";
import { defineConfig, type ViteUserConfig } from "vitest/config";

const root: string = import.meta.dirname;
const compiled = /^(src|oci-fixtures|bench)\/.*\.ts$/;

const config: ViteUserConfig = defineConfig({
  plugins: [
    {
      name: "compiled-sources",
      enforce: "pre",
      resolveId(source, importer) {
        if (importer === undefined || !source.startsWith(".") || !source.endsWith(".ts")) return null;
        const file = path.relative(root, path.resolve(path.dirname(importer), source));
        return compiled.test(file) ? path.join(root, "dist", file.replace(/\.ts$/, ".js")) : null;
      },
    },
  ],
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 600_000,
    coverage: { include: ["dist/src/**"] },
  },
});

export default config;
