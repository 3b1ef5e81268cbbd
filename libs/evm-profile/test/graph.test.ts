import { describe, expect, it } from "@jest/globals";
import { pair } from "@velarium/contracts";
import { buildFunction } from "@velarium/evm-ir";
import { layered } from "../src/graph/layers.ts";
import { blocksOf, graphOf, selectorOf } from "../src/index.ts";
import { rules } from "./memory-chain.ts";

describe("the layout of a graph", () => {
  it("puts every block below those that lead to it, back edges apart", () => {
    const next = new Map([
      [0, [1, 2]],
      [1, [3]],
      [2, [4]],
      [4, [3, 2]],
      [3, []],
    ]);
    const layers = new Map(layered(0, next).map(({ id, layer }) => [id, layer]));
    expect(Object.fromEntries(layers)).toEqual({ 0: 0, 1: 1, 2: 1, 4: 2, 3: 3 });
  });

  it("gives every block of a layer a place of its own", () => {
    const next = new Map([[0, [1, 2, 3, 4]]]);
    const places = layered(0, next).filter(({ layer }) => layer === 1);
    expect(places.map(({ at }) => at).sort()).toEqual([0, 1, 2, 3]);
  });
});

describe("a picture", () => {
  const built = buildFunction(pair.runtime, rules);
  if (!built.ok) throw new Error(built.exceeded);
  const fn = built.function;

  it("shows one function without what can only fail", () => {
    const blocks = blocksOf(fn, pair.runtime, selectorOf("swapExactIn(address,uint256,uint256,address)"));
    const whole = graphOf(fn, { title: "a < b" });
    const part = graphOf(fn, { title: "swap", blocks, withoutFailures: true });
    expect(part.drawn).toBeGreaterThan(5);
    expect(part.drawn).toBeLessThan(whole.drawn);
    expect(whole.dropped).toBe(0);
    expect(part.svg).toContain("sload @");
    expect(part.svg).not.toContain(">revert<");
    expect(whole.svg).toContain("a &lt; b");
    expect(whole.svg.match(/<g>/g)).toHaveLength(whole.drawn);
  });
});
