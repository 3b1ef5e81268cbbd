/**
 * Gas of one step, from the record that follows it. As geth reports it: a call's cost contains the gas it hands on, a
 * creation's does not. An opcode that could not be paid shows its static price.
 */

import type { EnterEvent, ExitEvent, StepEvent } from "./events.ts";
import { Failure, RecordKind } from "./layout.ts";
import { opcodeName, staticGas } from "./opcode-facts.ts";

const isCreate = (op: number): boolean => opcodeName(op).startsWith("CREATE");

export function gasCostOf(step: StepEvent, next: StepEvent | EnterEvent | ExitEvent | undefined): bigint {
  if (next === undefined) return 0n;
  if (next.kind === RecordKind.step) return step.gas - next.gas;
  if (next.kind === RecordKind.enter) return step.gas - next.callerGas - (isCreate(step.op) ? next.gas : 0n);
  const ended = next.failure === Failure.none || next.failure === Failure.revert;
  return ended ? step.gas - next.gasLeft : BigInt(staticGas(step.op));
}
