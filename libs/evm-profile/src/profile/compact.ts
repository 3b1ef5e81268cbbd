/** A profile without the expressions that only led to others. */
import type {
  Bytes,
  Expression,
  ExpressionId,
  Part,
  Segment,
  SegmentEnd,
  SelectorProfile,
  Step,
} from "./format.ts";

/** Expressions that an expression is made of. */
export function operandsOf(expression: Expression): readonly ExpressionId[] {
  if ("args" in expression) return expression.args;
  if (expression.op === "bytes" || expression.op === "keccak")
    return expression.parts.map(({ value }) => value);
  return [];
}

type Rename = (id: ExpressionId) => ExpressionId;

const renamedParts = (parts: readonly Part[], rename: Rename): Part[] =>
  parts.map((part) => ({ ...part, value: rename(part.value) }));

const renamedBytes = (bytes: Bytes, rename: Rename): Bytes =>
  bytes.kind === "parts" ? { kind: "parts", parts: renamedParts(bytes.parts, rename) } : bytes;

/** The same step with every expression given to `rename`. */
export function renamedStep(step: Step, rename: Rename): Step {
  switch (step.kind) {
    case "read":
    case "transientread":
      return { ...step, slot: rename(step.slot) };
    case "write": {
      const { delta } = step;
      const renamed = { ...step, slot: rename(step.slot), value: rename(step.value) };
      return delta === undefined
        ? renamed
        : { ...renamed, delta: { ...delta, amount: rename(delta.amount) } };
    }
    case "transientwrite":
      return { ...step, slot: rename(step.slot), value: rename(step.value) };
    case "account":
      return { ...step, address: rename(step.address) };
    case "blockhash":
      return { ...step, number: rename(step.number) };
    case "call":
      return {
        ...step,
        target: rename(step.target),
        value: rename(step.value),
        data: renamedBytes(step.data, rename),
      };
    case "guard":
      return { ...step, condition: rename(step.condition) };
  }
}

export function renamedEnd(end: SegmentEnd, rename: Rename): SegmentEnd {
  switch (end.kind) {
    case "branch":
      return { ...end, condition: rename(end.condition) };
    case "return":
      return { ...end, data: renamedBytes(end.data, rename) };
    case "selfdestruct":
      return { ...end, beneficiary: rename(end.beneficiary) };
    default:
      return end;
  }
}

function renamedExpression(expression: Expression, rename: Rename): Expression {
  if (expression.op === "calldataat") return { op: "calldataat", args: [rename(expression.args[0])] };
  if ("args" in expression) return { ...expression, args: expression.args.map(rename) };
  if (expression.op === "bytes" || expression.op === "keccak")
    return { ...expression, parts: renamedParts(expression.parts, rename) };
  return expression;
}

/** Segments that can be reached, and expressions that they use, renumbered. */
export function compacted(profile: SelectorProfile): SelectorProfile {
  const used = new Set<ExpressionId>();
  const note: Rename = (id) => {
    used.add(id);
    return id;
  };
  const segments = reachable(profile);
  for (const id of segments) {
    const { steps, end } = profile.segments[id]!;
    for (const step of steps) renamedStep(step, note);
    renamedEnd(end, note);
  }
  for (let id = profile.expressions.length - 1; id >= 0; id--)
    if (used.has(id)) for (const operand of operandsOf(profile.expressions[id]!)) used.add(operand);
  const kept = [...used].sort((a, b) => a - b);
  const numbers = new Map(kept.map((id, i) => [id, i]));
  const rename: Rename = (id) => numbers.get(id)!;
  const places = new Map(segments.map((id, i) => [id, i]));
  const moved = (end: SegmentEnd): SegmentEnd =>
    end.kind === "branch" ? { ...end, nonzero: places.get(end.nonzero)!, zero: places.get(end.zero)! } : end;
  return {
    selector: profile.selector,
    expressions: kept.map((id) => renamedExpression(profile.expressions[id]!, rename)),
    segments: segments.map((id): Segment => {
      const { steps, end } = profile.segments[id]!;
      return { steps: steps.map((step) => renamedStep(step, rename)), end: moved(renamedEnd(end, rename)) };
    }),
    root: places.get(profile.root)!,
  };
}

/** Segments from the root, each after those that it leads to. */
function reachable(profile: SelectorProfile): number[] {
  const seen = new Set<number>([profile.root]);
  const work = [profile.root];
  for (let id = work.pop(); id !== undefined; id = work.pop()) {
    const { end } = profile.segments[id]!;
    if (end.kind !== "branch") continue;
    for (const next of [end.nonzero, end.zero]) {
      if (seen.has(next)) continue;
      seen.add(next);
      work.push(next);
    }
  }
  // Ends are interned before what leads to them.
  return [...seen].sort((a, b) => a - b);
}
