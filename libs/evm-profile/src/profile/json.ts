/** Profiles as JSON: integers as hexadecimal strings. Reading believes nothing, since caches are shared. */
import { PURE } from "../symbolic/expressions.ts";
import { renamedEnd, renamedStep } from "./compact.ts";
import {
  ANALYSIS_VERSION,
  ENVIRONMENT,
  type Expression,
  PROFILE_UNKNOWNS,
  type Segment,
  type SelectorProfile,
} from "./format.ts";

/** Bounds on what is read; profiles that analysis makes are below. */
const MAX_EXPRESSIONS = 6000;
const MAX_SEGMENTS = 1024;
const MAX_STEPS = 4096;
const MAX_TEXT_BYTES = 1 << 20;

/** Text that is no profile. */
export class ProfileError extends Error {
  readonly code = "profile";
  constructor(message: string) {
    super(`not a profile: ${message}`);
    this.name = "ProfileError";
  }
}

export function profileToJson(profile: SelectorProfile): unknown {
  const { selector, root, segments } = profile;
  const expressions = profile.expressions.map((expression) =>
    expression.op === "constant"
      ? { op: "constant", value: `0x${expression.value.toString(16)}` }
      : expression,
  );
  return { version: ANALYSIS_VERSION, selector, root, segments, expressions };
}

export const profileToText = (profile: SelectorProfile): string => JSON.stringify(profileToJson(profile));

/** @throws ProfileError */
export function profileFromText(text: string): SelectorProfile {
  if (text.length > MAX_TEXT_BYTES) throw new ProfileError(`${text.length} characters`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ProfileError("no JSON");
  }
  return profileFromJson(value);
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown, what: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new ProfileError(`${what} is no object`);
  return value as Fields;
}

function listOf(value: unknown, what: string, limit: number): readonly unknown[] {
  if (!Array.isArray(value) || value.length > limit)
    throw new ProfileError(`${what} is no list of at most ${limit}`);
  return value;
}

function integer(value: unknown, what: string, least: number, most: number): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < least || value > most)
    throw new ProfileError(`${what} is no integer from ${least} to ${most}`);
  return value;
}

/** @throws ProfileError */
export function profileFromJson(value: unknown): SelectorProfile {
  const fields = fieldsOf(value, "it");
  if (fields["version"] !== ANALYSIS_VERSION) throw new ProfileError(`version ${String(fields["version"])}`);
  const selector = integer(fields["selector"], "selector", -2, 0xffff_ffff);
  const expressions = listOf(fields["expressions"], "expressions", MAX_EXPRESSIONS).map(readExpression);
  const count = listOf(fields["segments"], "segments", MAX_SEGMENTS).length;
  const check = (id: unknown): number => integer(id, "an expression's number", 0, expressions.length - 1);
  const segments = (fields["segments"] as unknown[]).map((each, at) => readSegment(each, at, count, check));
  return { selector, expressions, segments, root: integer(fields["root"], "root", 0, count - 1) };
}

function checkParts(value: unknown, check: (id: unknown) => number): void {
  for (const part of listOf(value, "parts", MAX_STEPS)) {
    const { value: id, from, size } = fieldsOf(part, "a part");
    check(id);
    const start = integer(from, "from", 0, 31);
    integer(size, "size", 1, 32 - start);
  }
}

const ENVIRONMENT_NAMES: ReadonlySet<unknown> = new Set(ENVIRONMENT);

/** An expression uses earlier ones only, so working values out ends. */
function readExpression(value: unknown, at: number): Expression {
  const fields = fieldsOf(value, "an expression");
  const earlier = (id: unknown): number => integer(id, "an operand", 0, at - 1);
  const { op } = fields;
  switch (op) {
    case "constant": {
      const text = fields["value"];
      if (typeof text !== "string" || !/^0x[0-9a-f]{1,64}$/.test(text))
        throw new ProfileError("a constant is no word");
      return { op, value: BigInt(text) };
    }
    case "immediate":
      integer(fields["index"], "index", 0, 0xffff);
      break;
    case "calldata":
      integer(fields["offset"], "offset", 0, 0xffff_ffff);
      break;
    case "environment":
      if (!ENVIRONMENT_NAMES.has(fields["name"]))
        throw new ProfileError(`environment ${String(fields["name"])}`);
      break;
    case "returned":
      integer(fields["offset"], "offset", 0, 1 << 20);
      integer(fields["step"], "step", 0, MAX_STEPS);
      break;
    case "found":
    case "success":
    case "returnsize":
      integer(fields["step"], "step", 0, MAX_STEPS);
      break;
    case "opaque":
      if (typeof fields["what"] !== "string") throw new ProfileError("opaque what?");
      break;
    case "bytes":
    case "keccak":
      checkParts(fields["parts"], earlier);
      break;
    default: {
      if (typeof op !== "string" || (op !== "calldataat" && !Object.hasOwn(PURE, op)))
        throw new ProfileError(`operation ${String(op)}`);
      const args = listOf(fields["args"], "args", 3);
      if (args.length !== arityOf(op)) throw new ProfileError(`${op} of ${args.length}`);
      for (const id of args) earlier(id);
    }
  }
  return fields as unknown as Expression;
}

function arityOf(op: string): number {
  if (["iszero", "not", "clz", "calldataat"].includes(op)) return 1;
  return op === "addmod" || op === "mulmod" ? 3 : 2;
}

const STEP_KINDS: ReadonlySet<unknown> = new Set([
  "read",
  "write",
  "transientread",
  "transientwrite",
  "account",
  "blockhash",
  "call",
  "guard",
]);
const CALLS: ReadonlySet<unknown> = new Set(["call", "callcode", "delegatecall", "staticcall"]);
const LOOKS: ReadonlySet<unknown> = new Set(["balance", "codesize", "codehash"]);

function readSegment(value: unknown, at: number, count: number, check: (id: unknown) => number): Segment {
  const fields = fieldsOf(value, "a segment");
  for (const step of listOf(fields["steps"], "steps", MAX_STEPS)) checkStep(fieldsOf(step, "a step"), check);
  const end = fieldsOf(fields["end"], "an end");
  switch (end["kind"]) {
    case "branch":
      // Segments lead to other ones before them only, so every path ends.
      integer(end["nonzero"], "nonzero", 0, Math.min(count, at) - 1);
      integer(end["zero"], "zero", 0, Math.min(count, at) - 1);
      break;
    case "return":
      checkBytes(end["data"], check);
      break;
    case "unknown":
      if (!Object.hasOwn(PROFILE_UNKNOWNS, String(end["reason"])))
        throw new ProfileError("an unknown reason");
      integer(end["pc"], "pc", 0, 0xff_ffff);
      break;
    case "revert":
    case "selfdestruct":
      break;
    default:
      throw new ProfileError(`end ${String(end["kind"])}`);
  }
  const segment = fields as unknown as Segment;
  renamedEnd(segment.end, check);
  return segment;
}

function checkBytes(value: unknown, check: (id: unknown) => number): void {
  const fields = fieldsOf(value, "bytes");
  if (fields["kind"] === "parts") checkParts(fields["parts"], check);
  else if (fields["kind"] === "returned") integer(fields["step"], "step", 0, MAX_STEPS);
  else if (fields["kind"] !== "calldata") throw new ProfileError("bytes of no kind");
}

function checkStep(fields: Fields, check: (id: unknown) => number): void {
  const { kind } = fields;
  if (!STEP_KINDS.has(kind)) throw new ProfileError(`step ${String(kind)}`);
  if (kind === "call") {
    if (!CALLS.has(fields["op"])) throw new ProfileError(`call ${String(fields["op"])}`);
    checkBytes(fields["data"], check);
    if (fields["assumedSize"] !== undefined) integer(fields["assumedSize"], "assumedSize", 1, 1 << 20);
    if (fields["isExact"] !== undefined && fields["isExact"] !== true) throw new ProfileError("isExact");
  }
  if (kind === "account" && !LOOKS.has(fields["what"])) throw new ProfileError("a look at nothing");
  if (kind === "guard" && typeof fields["holds"] !== "boolean")
    throw new ProfileError("a guard without truth");
  if (kind !== "write" && kind !== "transientwrite" && kind !== "guard")
    integer(fields["step"], "step", 0, MAX_STEPS);
  if (fields["delta"] !== undefined) fieldsOf(fields["delta"], "a delta");
  renamedStep(fields as never, check);
}
