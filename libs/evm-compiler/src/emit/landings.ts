/** Functions of a module of several components: where frames come in, and where the landing of a position is. */
import { layout } from "@velarium/evm-kernel";
import type { FunctionCode } from "../wasm/code.ts";
import { OP } from "../wasm/opcodes.ts";

/** In `FRAME_POINT`: the kernel is at an operation that the frame does not come back from. */
export const POINT_OF_NO_RETURN = 0x7fffffff;

/**
 * (frame) → status: goes on in the function of the component that `FRAME_POINT` is of. `last`: the last point of each
 * component; the first component has 0 too.
 */
export function writeEntry(code: FunctionCode, functions: readonly number[], last: readonly number[]): void {
  for (let i = 0; i <= functions.length; i++) code.block();
  code.get(0);
  code.memory(OP.i32Load, layout.FRAME_POINT);
  const targets: number[] = [];
  for (const [component, to] of last.entries()) while (targets.length <= to) targets.push(component);
  code.brTable(targets, functions.length);
  for (const index of functions) {
    code.end();
    code.get(0);
    code.returnCall(index);
  }
  code.end();
  code.i32(layout.STATUS_OPERATION);
}

/** (position) → resume point of the landing there, 0 where there is none: binary search. */
export function writeLocate(
  code: FunctionCode,
  landings: readonly { readonly pc: number; readonly point: number }[],
): void {
  const sorted = landings.toSorted((a, b) => a.pc - b.pc);
  const position = 0;
  const search = (from: number, to: number): void => {
    const middle = (from + to) >> 1;
    if (to - from > 1) {
      code.get(position);
      code.i32(sorted[middle]!.pc);
      code.op(OP.i32LtU);
      code.if();
      search(from, middle);
      code.end();
      search(middle, to);
      return;
    }
    code.i32(sorted[from]!.point);
    code.i32(0);
    code.get(position);
    code.i32(sorted[from]!.pc);
    code.op(OP.i32Eq);
    code.op(OP.select);
    code.op(OP.return);
  };
  if (sorted.length > 0) search(0, sorted.length);
  code.op(OP.unreachable);
}
