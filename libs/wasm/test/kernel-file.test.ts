import { describe, expect, it } from "@jest/globals";
import { compileKernel, instantiateKernel, wasmApi } from "../src/index.ts";

/** A module that exports nothing but `interfaceNumber`, which gives a number below 64. */
const kernelOf = (number: number) =>
  new wasmApi.Module(
    Uint8Array.from([
      ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 5, 1, 0x60, 0, 1, 0x7f, 3, 2, 1, 0, 7, 19, 1, 15],
      ...Buffer.from("interfaceNumber"),
      ...[0, 0, 10, 6, 1, 4, 0, 0x41, number, 0x0b],
    ]),
  );

describe("kernels", () => {
  it("of their host's interface are used, others are refused", () => {
    expect(instantiateKernel("test kernel", kernelOf(7), {}, 7).interfaceNumber()).toBe(7);
    expect(() => instantiateKernel("test kernel", kernelOf(6), {}, 7)).toThrow(
      expect.objectContaining({ code: "kernel-stale", message: expect.stringContaining("npm run setup") }),
    );
    const nothing = new wasmApi.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
    expect(() => instantiateKernel("test kernel", nothing, {}, 7)).toThrow(
      expect.objectContaining({ code: "kernel-stale" }),
    );
  });

  it("that are not built are named, with what to do", () => {
    expect(() => compileKernel("test kernel", "/nowhere/kernel.wasm")).toThrow(
      expect.objectContaining({ code: "kernel-missing", message: expect.stringContaining("npm run setup") }),
    );
  });
});
