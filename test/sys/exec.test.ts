import { describe, expect, it } from "vitest";
import { run } from "../../src/sys/exec.ts";

const node = (script: string): Promise<string> => run(process.execPath, ["-e", script]);

describe("another program", () => {
  it("gives its output", async () => {
    expect(await node(`process.stdout.write("a\\nb")`)).toBe("a\nb");
  });

  it("gets its arguments as they are", async () => {
    const args = ["a b", "$HOME", "'", "*", ";", ""];
    const script = "console.log(JSON.stringify(process.argv.slice(1)))";
    expect(JSON.parse(await run(process.execPath, ["-e", script, "--", ...args]))).toEqual(args);
  });

  it("gets no input", async () => {
    expect(await node(`process.stdin.on("data", () => process.exit(9)).on("end", () => console.log("end"))`)).toBe(
      "end",
    );
  });

  it("that fails is an error of one line with what it said last", async () => {
    await expect(node(`console.error("first"); console.error("reason"); process.exit(3)`)).rejects.toMatchObject({
      code: "tool-failed",
      message: `${process.execPath}: first; reason`,
    });
    await expect(node(`console.error("x".repeat(5000) + "end"); process.exit(1)`)).rejects.toMatchObject({
      message: expect.stringMatching(/^.{1,600}end$/),
    });
  });

  it("that fails without a word is named with its exit status", async () => {
    await expect(node("process.exit(3)")).rejects.toMatchObject({
      code: "tool-failed",
      message: expect.stringMatching(/exit code 3/),
    });
  });

  it("that a signal ends is an error", async () => {
    await expect(node(`process.kill(process.pid, "SIGKILL")`)).rejects.toMatchObject({
      code: "tool-failed",
      message: expect.stringMatching(/SIGKILL/),
    });
  });

  it("that is not there is an error that says so", async () => {
    await expect(run("no-such-program", [])).rejects.toMatchObject({
      code: "tool-failed",
      message: "no-such-program: not installed",
    });
  });
});
