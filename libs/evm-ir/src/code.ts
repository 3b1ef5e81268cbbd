/** What is known of bytecode before any of it is followed: jump destinations and immediates. */
const JUMPDEST = 0x5b;
const PUSH1 = 0x60;
const PUSH20 = 0x73;
const PUSH32 = 0x7f;

/** Where code can be jumped to: 1 at each JUMPDEST that is not data of a PUSH. */
export function jumpDestinations(code: Uint8Array): Uint8Array {
  const valid = new Uint8Array(code.length);
  for (let pc = 0; pc < code.length; pc++) {
    const op = code[pc]!;
    if (op === JUMPDEST) valid[pc] = 1;
    else if (op >= PUSH1 && op <= PUSH32) pc += op - PUSH1 + 1;
  }
  return valid;
}

/** The `size` bytes of a PUSH's data at `at`, zeros beyond the end of the code. */
export function pushed(code: Uint8Array, at: number, size: number): bigint {
  let value = 0n;
  for (let i = 0; i < size; i += 4) {
    let part = 0;
    const bytes = Math.min(4, size - i);
    for (let j = 0; j < bytes; j++) part = part * 256 + (code[at + i + j] ?? 0);
    value = (value << BigInt(8 * bytes)) | BigInt(part);
  }
  return value;
}

/** A code with the constants taken out in which instances of one source differ (immutables, linked addresses). */
export interface Template {
  /** The code with zeros for those constants. */
  readonly code: Uint8Array;
  /** Program counters of their PUSH instructions, ascending. Two codes share a template if code and positions agree. */
  readonly positions: readonly number[];
  readonly immediates: readonly bigint[];
}

/** Masks of address and of parts of a word, which the compiler must see. */
function isMask(code: Uint8Array, at: number, size: number): boolean {
  for (let i = 0; i < size; i++) {
    const byte = code[at + i];
    if (byte !== 0 && byte !== 0xff) return false;
  }
  return true;
}

/** Immediates of PUSH20 and PUSH32 that lie within the code, but masks and jump destinations. */
export function templateOf(code: Uint8Array, destinations: Uint8Array = jumpDestinations(code)): Template {
  const positions: number[] = [];
  const immediates: bigint[] = [];
  // Not `slice`: a Buffer would give out the same memory, and the code itself would lose its constants.
  const masked = new Uint8Array(code);
  for (let pc = 0; pc < code.length; pc++) {
    const op = code[pc]!;
    if (op < PUSH1 || op > PUSH32) continue;
    const size = op - PUSH1 + 1;
    const at = pc + 1;
    pc += size;
    if ((op !== PUSH20 && op !== PUSH32) || at + size > code.length || isMask(code, at, size)) continue;
    const value = pushed(code, at, size);
    if (value < BigInt(code.length) && destinations[Number(value)] === 1) continue;
    positions.push(at - 1);
    immediates.push(value);
    masked.fill(0, at, at + size);
  }
  return { code: masked, positions, immediates };
}
