/**
 * Writes that only add: the slot's old value goes into the sum and nowhere else, so that additions of several
 * transactions commute. Looked for within one segment: no call and no other access to the same slot may come between.
 */
import { operandsOf } from "./compact.ts";
import type { Bytes, Delta, Expression, ExpressionId, SelectorProfile, Step, StepId } from "./format.ts";

/** Marks writes that are deltas, each with the conditions under which it may be taken for one. */
export function withDeltas(profile: SelectorProfile): SelectorProfile {
  const segments = profile.segments.map((segment) => {
    const steps = segment.steps.map((step, at) => {
      if (step.kind !== "write") return step;
      const delta = deltaOf(profile, segment.steps, at);
      return delta === undefined ? step : { ...step, delta };
    });
    return { ...segment, steps };
  });
  return { ...profile, segments };
}

function deltaOf(profile: SelectorProfile, steps: readonly Step[], at: number): Delta | undefined {
  const write = steps[at] as Extract<Step, { kind: "write" }>;
  const { expressions } = profile;
  const sum = expressions[write.value]!;
  if (sum.op !== "add") return undefined;
  const read = lastReadBefore(steps, at, write.slot);
  if (read === undefined) return undefined;
  const old = expressions.findIndex((each) => each.op === "found" && each.step === read);
  const amount = sum.args[0] === old ? sum.args[1]! : sum.args[1] === old ? sum.args[0]! : -1;
  if (amount < 0 || dependsOn(expressions, amount, old)) return undefined;
  if (!isBlind(profile, old, write.value, amount, read)) return undefined;
  return { amount, needs: ["nonzero", "nooverflow", "amount", "distinct"] };
}

/** The read of `slot` before step `at`, when nothing between it and `at` could have changed the slot. */
function lastReadBefore(steps: readonly Step[], at: number, slot: ExpressionId): StepId | undefined {
  for (let i = at - 1; i >= 0; i--) {
    const step = steps[i]!;
    if (step.kind === "call" || (step.kind === "write" && step.slot === slot)) return undefined;
    if (step.kind === "read" && step.slot === slot) return step.step;
  }
  return undefined;
}

function dependsOn(expressions: readonly Expression[], id: ExpressionId, on: ExpressionId): boolean {
  const seen = new Set<ExpressionId>();
  const work = [id];
  for (let next = work.pop(); next !== undefined; next = work.pop()) {
    if (next === on) return true;
    if (seen.has(next) || next < on) continue;
    seen.add(next);
    work.push(...operandsOf(expressions[next]!));
  }
  return false;
}

/** True when `old` is used by sums alone, each written where it was read, and by guards that ask whether they overflow. */
function isBlind(
  profile: SelectorProfile,
  old: ExpressionId,
  sum: ExpressionId,
  amount: ExpressionId,
  read: StepId,
): boolean {
  const { expressions, segments } = profile;
  const tainted = (id: ExpressionId): boolean => dependsOn(expressions, id, old);
  for (const { steps, end } of segments) {
    for (const [at, step] of steps.entries()) {
      if (step.kind === "write" && step.value === sum && !tainted(step.slot)) {
        if (lastReadBefore(steps, at, step.slot) !== read) return false;
      } else if (step.kind === "guard" && isOverflowGuard(expressions, step.condition, old, sum, amount)) {
        // Whether it holds is a predicate of the slot, not its value.
      } else if (usesOf(step).some(tainted)) return false;
    }
    if (end.kind === "branch" && tainted(end.condition)) return false;
    if (end.kind === "return" && bytesUses(end.data).some(tainted)) return false;
    if (end.kind === "selfdestruct" && tainted(end.beneficiary)) return false;
  }
  return true;
}

const bytesUses = (bytes: Bytes): ExpressionId[] =>
  bytes.kind === "parts" ? bytes.parts.map(({ value }) => value) : [];

function usesOf(step: Step): ExpressionId[] {
  switch (step.kind) {
    case "read":
    case "transientread":
      return [step.slot];
    case "write":
    case "transientwrite":
      return [step.slot, step.value];
    case "account":
      return [step.address];
    case "blockhash":
      return [step.number];
    case "call":
      return [step.target, step.value, ...bytesUses(step.data)];
    case "guard":
      return [step.condition];
  }
}

/** The forms in which compilers ask whether old + amount is beyond a word. */
function isOverflowGuard(
  expressions: readonly Expression[],
  condition: ExpressionId,
  old: ExpressionId,
  sum: ExpressionId,
  amount: ExpressionId,
): boolean {
  const expression = expressions[condition]!;
  if (expression.op !== "gt" && expression.op !== "lt") return false;
  const [a, b] = expression.op === "gt" ? expression.args : [expression.args[1]!, expression.args[0]!];
  // old > sum, amount > sum
  if (b === sum) return a === old || a === amount;
  // old > ~amount, amount > ~old
  const inverse = expressions[b!]!;
  if (inverse.op !== "not") return false;
  return (a === old && inverse.args[0] === amount) || (a === amount && inverse.args[0] === old);
}
