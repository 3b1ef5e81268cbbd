// The interpreter: one loop over operations, one check of gas and stack per section (sections.ts). Position, stack
// pointer, gas and the size of memory are locals; they are stored to the frame whenever the loop is left.
//
// `ip` is the address of the operation, `sp` the address behind the top of the stack. The outer loop enters a section,
// the inner one runs its operations; a case that leaves the switch by `break` has ended its section. `room` saves the
// call to `expand` where a word is in memory already (expansion.ts).
import { BLOCK } from "./bounds";
import {
  calldatacopy, calldataload, codecopy, exp, log, mcopy, returndatacopy, returns,
} from "./data-operations";
import { returnBytes } from "./execution";
import { expand, wordRoom } from "./expansion";
import { hash } from "./keccak-memo";
import {
  BLOCK_BASE_FEE, BLOCK_BLOB_BASE_FEE, BLOCK_CHAIN_ID, BLOCK_COINBASE, BLOCK_GAS_LIMIT, BLOCK_GAS_PRICE, BLOCK_NUMBER,
  BLOCK_ORIGIN, BLOCK_RANDAO, BLOCK_TIMESTAMP, FRAME_ADDRESS, FRAME_CALLER, FRAME_CODE, FRAME_CODE_BYTES, FRAME_GAS,
  FRAME_INPUT_BYTES, FRAME_MEMORY, FRAME_MEMORY_BYTES, FRAME_PC, FRAME_RESUME, FRAME_SECTIONS, FRAME_SP, FRAME_STACK,
  FRAME_VALUE, STATUS_HALT, STATUS_OPERATION, STATUS_RETURN, STATUS_REVERT, STATUS_STOP,
} from "./layout";
import { dup, push, swap } from "./operand-stack";
import { isUndefined } from "./rules";
import { isJumpdest, overruns, restOfSection, sectionAt, sectionGas, startsSection } from "./sections";
import {
  balance, blobhash, blockhash, extcodehash, extcodesize, selfbalance, sload, sstore, tload, tstore,
} from "./state-operations";
import { add, copy, equals, isZero, less, lessSigned, reverse, saturated, small, sub } from "./u256";
import { and, byteAt, clz256, not, or, sar, shl, shr, signextend, xor } from "./u256-bits";
import { addmod, div, mod, mulmod, sdiv, smod } from "./u256-division";
import { mul } from "./u256-products";

/** Runs the frame from its pc until it ends, needs the trampoline, or misses something. Returns a STATUS_*. */
export function interpret(frame: usize): i32 {
  const code = <usize>load<u32>(frame, FRAME_CODE);
  const sections = <usize>load<u32>(frame, FRAME_SECTIONS);
  const stack = <usize>load<u32>(frame, FRAME_STACK);
  const mem = <usize>load<u32>(frame, FRAME_MEMORY);
  let ip = code + <usize>load<u32>(frame, FRAME_PC);
  let sp = <usize>load<u32>(frame, FRAME_SP);
  let gas = load<i64>(frame, FRAME_GAS);
  let room = wordRoom(frame);
  // An operation that suspended belongs to a section that is paid and checked.
  let resumes = load<u32>(frame, FRAME_RESUME) != 0;
  store<u32>(frame, 0, FRAME_RESUME);
  if (!resumes && !startsSection(sections, ip - code)) {
    // Compiled code left in the middle of a section.
    const rest = restOfSection(code, load<u32>(frame, FRAME_CODE_BYTES), ip - code);
    gas -= sectionGas(rest);
    if (gas < 0 || overruns(rest, <u32>((sp - stack) >> 5))) return STATUS_HALT;
    resumes = true;
  }
  while (true) {
    if (resumes) resumes = false;
    else {
      const section = sectionAt(sections, ip - code);
      gas -= sectionGas(section);
      if (gas < 0 || overruns(section, <u32>((sp - stack) >> 5))) return STATUS_HALT;
      if (load<u8>(ip) == 0x5b) ip++;
    }
    while (true) {
      switch (<u32>load<u8>(ip)) {
        case 0x00: /* STOP */ store<i64>(frame, gas, FRAME_GAS); return STATUS_STOP;
        case 0x01: /* ADD */ sp -= 32; add(sp, sp - 32, sp - 32); ip++; continue;
        case 0x02: /* MUL */ sp -= 32; mul(sp, sp - 32, sp - 32); ip++; continue;
        case 0x03: /* SUB */ sp -= 32; sub(sp, sp - 32, sp - 32); ip++; continue;
        case 0x04: /* DIV */ sp -= 32; div(sp, sp - 32, sp - 32); ip++; continue;
        case 0x05: /* SDIV */ sp -= 32; sdiv(sp, sp - 32, sp - 32); ip++; continue;
        case 0x06: /* MOD */ sp -= 32; mod(sp, sp - 32, sp - 32); ip++; continue;
        case 0x07: /* SMOD */ sp -= 32; smod(sp, sp - 32, sp - 32); ip++; continue;
        case 0x08: /* ADDMOD */ sp -= 64; addmod(sp + 32, sp, sp - 32, sp - 32); ip++; continue;
        case 0x09: /* MULMOD */ sp -= 64; mulmod(sp + 32, sp, sp - 32, sp - 32); ip++; continue;
        case 0x0a: // EXP
          sp -= 32;
          gas = exp(frame, sp, sp - 32, sp - 32, gas);
          if (gas < 0) return <i32>-gas;
          ip++; continue;
        case 0x0b: /* SIGNEXTEND */ sp -= 32; signextend(sp, sp - 32, sp - 32); ip++; continue;
        case 0x10: /* LT */ sp -= 32; small(sp - 32, u64(less(sp, sp - 32))); ip++; continue;
        case 0x11: /* GT */ sp -= 32; small(sp - 32, u64(less(sp - 32, sp))); ip++; continue;
        case 0x12: /* SLT */ sp -= 32; small(sp - 32, u64(lessSigned(sp, sp - 32))); ip++; continue;
        case 0x13: /* SGT */ sp -= 32; small(sp - 32, u64(lessSigned(sp - 32, sp))); ip++; continue;
        case 0x14: /* EQ */ sp -= 32; small(sp - 32, u64(equals(sp, sp - 32))); ip++; continue;
        case 0x15: /* ISZERO */ small(sp - 32, u64(isZero(sp - 32))); ip++; continue;
        case 0x16: /* AND */ sp -= 32; and(sp, sp - 32, sp - 32); ip++; continue;
        case 0x17: /* OR */ sp -= 32; or(sp, sp - 32, sp - 32); ip++; continue;
        case 0x18: /* XOR */ sp -= 32; xor(sp, sp - 32, sp - 32); ip++; continue;
        case 0x19: /* NOT */ not(sp - 32, sp - 32); ip++; continue;
        case 0x1a: /* BYTE */ sp -= 32; byteAt(sp, sp - 32, sp - 32); ip++; continue;
        case 0x1b: // SHL
          if (isUndefined(0x1b)) return STATUS_HALT;
          sp -= 32;
          shl(sp, sp - 32, sp - 32);
          ip++; continue;
        case 0x1c: // SHR
          if (isUndefined(0x1c)) return STATUS_HALT;
          sp -= 32;
          shr(sp, sp - 32, sp - 32);
          ip++; continue;
        case 0x1d: // SAR
          if (isUndefined(0x1d)) return STATUS_HALT;
          sp -= 32;
          sar(sp, sp - 32, sp - 32);
          ip++; continue;
        case 0x1e: /* CLZ */ if (isUndefined(0x1e)) return STATUS_HALT; small(sp - 32, clz256(sp - 32)); ip++; continue;
        case 0x20: { // KECCAK256
          sp -= 32;
          const offset = saturated(sp);
          const size = saturated(sp - 32);
          if (size != 0) {
            gas = expand(frame, offset, size, gas);
            if (gas < 0) return <i32>-gas;
            gas -= <i64>(((size + 31) >> 5) * 6);
            if (gas < 0) return STATUS_HALT;
            room = wordRoom(frame);
          }
          hash(mem + <usize>offset, <usize>size, sp - 32);
          ip++; continue;
        }
        case 0x30: /* ADDRESS */ copy(frame + FRAME_ADDRESS, sp); sp += 32; ip++; continue;
        case 0x31: { // BALANCE
          const left = balance(frame, sp - 32, sp - 32, gas);
          if (left < 0) return suspended(frame, ip - code, sp, gas, left);
          gas = left; ip++; break;
        }
        case 0x32: /* ORIGIN */ copy(BLOCK + BLOCK_ORIGIN, sp); sp += 32; ip++; continue;
        case 0x33: /* CALLER */ copy(frame + FRAME_CALLER, sp); sp += 32; ip++; continue;
        case 0x34: /* CALLVALUE */ copy(frame + FRAME_VALUE, sp); sp += 32; ip++; continue;
        case 0x35: /* CALLDATALOAD */ calldataload(frame, sp - 32, sp - 32); ip++; continue;
        case 0x36: /* CALLDATASIZE */ small(sp, load<u32>(frame, FRAME_INPUT_BYTES)); sp += 32; ip++; continue;
        case 0x37: // CALLDATACOPY
          gas = calldatacopy(frame, sp - 32, sp - 64, sp - 96, gas);
          if (gas < 0) return <i32>-gas;
          room = wordRoom(frame); sp -= 96; ip++; continue;
        case 0x38: /* CODESIZE */ small(sp, load<u32>(frame, FRAME_CODE_BYTES)); sp += 32; ip++; continue;
        case 0x39: // CODECOPY
          gas = codecopy(frame, sp - 32, sp - 64, sp - 96, gas);
          if (gas < 0) return <i32>-gas;
          room = wordRoom(frame); sp -= 96; ip++; continue;
        case 0x3a: /* GASPRICE */ copy(BLOCK + BLOCK_GAS_PRICE, sp); sp += 32; ip++; continue;
        case 0x3b: { // EXTCODESIZE
          const left = extcodesize(frame, sp - 32, sp - 32, gas);
          if (left < 0) return suspended(frame, ip - code, sp, gas, left);
          gas = left; ip++; break;
        }
        case 0x3d: // RETURNDATASIZE
          if (isUndefined(0x3d)) return STATUS_HALT;
          small(sp, <u64>returnBytes);
          sp += 32; ip++; continue;
        case 0x3e: // RETURNDATACOPY
          if (isUndefined(0x3e)) return STATUS_HALT;
          gas = returndatacopy(frame, sp - 32, sp - 64, sp - 96, gas);
          if (gas < 0) return <i32>-gas;
          room = wordRoom(frame); sp -= 96; ip++; continue;
        case 0x3f: { // EXTCODEHASH
          if (isUndefined(0x3f)) return STATUS_HALT;
          const left = extcodehash(frame, sp - 32, sp - 32, gas);
          if (left < 0) return suspended(frame, ip - code, sp, gas, left);
          gas = left; ip++; break;
        }
        case 0x40: { // BLOCKHASH
          const left = blockhash(frame, sp - 32, sp - 32, gas);
          if (left < 0) return suspended(frame, ip - code, sp, gas, left);
          gas = left; ip++; break;
        }
        case 0x41: /* COINBASE */ copy(BLOCK + BLOCK_COINBASE, sp); sp += 32; ip++; continue;
        case 0x42: /* TIMESTAMP */ copy(BLOCK + BLOCK_TIMESTAMP, sp); sp += 32; ip++; continue;
        case 0x43: /* NUMBER */ copy(BLOCK + BLOCK_NUMBER, sp); sp += 32; ip++; continue;
        case 0x44: /* DIFFICULTY, PREVRANDAO */ copy(BLOCK + BLOCK_RANDAO, sp); sp += 32; ip++; continue;
        case 0x45: /* GASLIMIT */ copy(BLOCK + BLOCK_GAS_LIMIT, sp); sp += 32; ip++; continue;
        case 0x46: // CHAINID
          if (isUndefined(0x46)) return STATUS_HALT;
          copy(BLOCK + BLOCK_CHAIN_ID, sp);
          sp += 32; ip++; continue;
        case 0x47: { // SELFBALANCE
          if (isUndefined(0x47)) return STATUS_HALT;
          const left = selfbalance(frame, sp, gas);
          if (left < 0) return suspended(frame, ip - code, sp, gas, left);
          gas = left; sp += 32; ip++; break;
        }
        case 0x48: // BASEFEE
          if (isUndefined(0x48)) return STATUS_HALT;
          copy(BLOCK + BLOCK_BASE_FEE, sp);
          sp += 32; ip++; continue;
        case 0x49: /* BLOBHASH */ if (isUndefined(0x49)) return STATUS_HALT; blobhash(sp - 32, sp - 32); ip++; continue;
        case 0x4a: // BLOBBASEFEE
          if (isUndefined(0x4a)) return STATUS_HALT;
          copy(BLOCK + BLOCK_BLOB_BASE_FEE, sp);
          sp += 32; ip++; continue;
        case 0x50: /* POP */ sp -= 32; ip++; continue;
        case 0x51: { // MLOAD
          const at = sp - 32;
          const offset = load<u64>(at);
          if ((load<u64>(at, 8) | load<u64>(at, 16) | load<u64>(at, 24)) != 0 || offset >= room) {
            gas = expand(frame, saturated(at), 32, gas);
            if (gas < 0) return <i32>-gas;
            room = wordRoom(frame);
          }
          reverse(mem + <usize>offset, at);
          ip++; continue;
        }
        case 0x52: { // MSTORE
          const at = sp - 32;
          const offset = load<u64>(at);
          if ((load<u64>(at, 8) | load<u64>(at, 16) | load<u64>(at, 24)) != 0 || offset >= room) {
            gas = expand(frame, saturated(at), 32, gas);
            if (gas < 0) return <i32>-gas;
            room = wordRoom(frame);
          }
          reverse(sp - 64, mem + <usize>offset);
          sp -= 64; ip++; continue;
        }
        case 0x53: { // MSTORE8
          const offset = saturated(sp - 32);
          gas = expand(frame, offset, 1, gas);
          if (gas < 0) return <i32>-gas;
          room = wordRoom(frame);
          store<u8>(mem + <usize>offset, load<u8>(sp - 64));
          sp -= 64; ip++; continue;
        }
        case 0x54: { // SLOAD
          const left = sload(frame, sp - 32, sp - 32, gas);
          if (left < 0) return suspended(frame, ip - code, sp, gas, left);
          gas = left; ip++; break;
        }
        case 0x55: { // SSTORE
          const left = sstore(frame, sp - 32, sp - 64, gas);
          if (left < 0) return suspended(frame, ip - code, sp, gas, left);
          gas = left; sp -= 64; ip++; break;
        }
        case 0x56: { // JUMP
          sp -= 32;
          const target = saturated(sp);
          if (target >= <u64>load<u32>(frame, FRAME_CODE_BYTES)) return STATUS_HALT;
          ip = code + <usize>target;
          if (!isJumpdest(sections, ip, <usize>target)) return STATUS_HALT;
          break;
        }
        case 0x57: { // JUMPI
          sp -= 64;
          if (isZero(sp)) {
            ip++;
            break;
          }
          const target = saturated(sp + 32);
          if (target >= <u64>load<u32>(frame, FRAME_CODE_BYTES)) return STATUS_HALT;
          ip = code + <usize>target;
          if (!isJumpdest(sections, ip, <usize>target)) return STATUS_HALT;
          break;
        }
        case 0x58: /* PC */ small(sp, <u64>(ip - code)); sp += 32; ip++; continue;
        case 0x59: /* MSIZE */ small(sp, load<u32>(frame, FRAME_MEMORY_BYTES)); sp += 32; ip++; continue;
        case 0x5a: /* GAS */ small(sp, <u64>gas); sp += 32; ip++; break;
        case 0x5b: /* JUMPDEST, fallen into */ break;
        case 0x5c: // TLOAD
          if (isUndefined(0x5c)) return STATUS_HALT;
          tload(frame, sp - 32, sp - 32);
          ip++; continue;
        case 0x5d: { // TSTORE
          if (isUndefined(0x5d)) return STATUS_HALT;
          const status = tstore(frame, sp - 32, sp - 64);
          if (status != 0) return status;
          sp -= 64; ip++; continue;
        }
        case 0x5e: // MCOPY
          if (isUndefined(0x5e)) return STATUS_HALT;
          gas = mcopy(frame, sp - 32, sp - 64, sp - 96, gas);
          if (gas < 0) return <i32>-gas;
          room = wordRoom(frame); sp -= 96; ip++; continue;
        case 0x5f: /* PUSH0 */ if (isUndefined(0x5f)) return STATUS_HALT; small(sp, 0); sp += 32; ip++; continue;
        case 0x60: /* PUSH1 */ push(ip, sp, 1); sp += 32; ip += 2; continue;
        case 0x61: /* PUSH2 */ push(ip, sp, 2); sp += 32; ip += 3; continue;
        case 0x62: /* PUSH3 */ push(ip, sp, 3); sp += 32; ip += 4; continue;
        case 0x63: /* PUSH4 */ push(ip, sp, 4); sp += 32; ip += 5; continue;
        case 0x64: /* PUSH5 */ push(ip, sp, 5); sp += 32; ip += 6; continue;
        case 0x65: /* PUSH6 */ push(ip, sp, 6); sp += 32; ip += 7; continue;
        case 0x66: /* PUSH7 */ push(ip, sp, 7); sp += 32; ip += 8; continue;
        case 0x67: /* PUSH8 */ push(ip, sp, 8); sp += 32; ip += 9; continue;
        case 0x68: /* PUSH9 */ push(ip, sp, 9); sp += 32; ip += 10; continue;
        case 0x69: /* PUSH10 */ push(ip, sp, 10); sp += 32; ip += 11; continue;
        case 0x6a: /* PUSH11 */ push(ip, sp, 11); sp += 32; ip += 12; continue;
        case 0x6b: /* PUSH12 */ push(ip, sp, 12); sp += 32; ip += 13; continue;
        case 0x6c: /* PUSH13 */ push(ip, sp, 13); sp += 32; ip += 14; continue;
        case 0x6d: /* PUSH14 */ push(ip, sp, 14); sp += 32; ip += 15; continue;
        case 0x6e: /* PUSH15 */ push(ip, sp, 15); sp += 32; ip += 16; continue;
        case 0x6f: /* PUSH16 */ push(ip, sp, 16); sp += 32; ip += 17; continue;
        case 0x70: /* PUSH17 */ push(ip, sp, 17); sp += 32; ip += 18; continue;
        case 0x71: /* PUSH18 */ push(ip, sp, 18); sp += 32; ip += 19; continue;
        case 0x72: /* PUSH19 */ push(ip, sp, 19); sp += 32; ip += 20; continue;
        case 0x73: /* PUSH20 */ push(ip, sp, 20); sp += 32; ip += 21; continue;
        case 0x74: /* PUSH21 */ push(ip, sp, 21); sp += 32; ip += 22; continue;
        case 0x75: /* PUSH22 */ push(ip, sp, 22); sp += 32; ip += 23; continue;
        case 0x76: /* PUSH23 */ push(ip, sp, 23); sp += 32; ip += 24; continue;
        case 0x77: /* PUSH24 */ push(ip, sp, 24); sp += 32; ip += 25; continue;
        case 0x78: /* PUSH25 */ push(ip, sp, 25); sp += 32; ip += 26; continue;
        case 0x79: /* PUSH26 */ push(ip, sp, 26); sp += 32; ip += 27; continue;
        case 0x7a: /* PUSH27 */ push(ip, sp, 27); sp += 32; ip += 28; continue;
        case 0x7b: /* PUSH28 */ push(ip, sp, 28); sp += 32; ip += 29; continue;
        case 0x7c: /* PUSH29 */ push(ip, sp, 29); sp += 32; ip += 30; continue;
        case 0x7d: /* PUSH30 */ push(ip, sp, 30); sp += 32; ip += 31; continue;
        case 0x7e: /* PUSH31 */ push(ip, sp, 31); sp += 32; ip += 32; continue;
        case 0x7f: /* PUSH32 */ push(ip, sp, 32); sp += 32; ip += 33; continue;
        case 0x80: /* DUP1 */ dup(sp, 1); sp += 32; ip++; continue;
        case 0x81: /* DUP2 */ dup(sp, 2); sp += 32; ip++; continue;
        case 0x82: /* DUP3 */ dup(sp, 3); sp += 32; ip++; continue;
        case 0x83: /* DUP4 */ dup(sp, 4); sp += 32; ip++; continue;
        case 0x84: /* DUP5 */ dup(sp, 5); sp += 32; ip++; continue;
        case 0x85: /* DUP6 */ dup(sp, 6); sp += 32; ip++; continue;
        case 0x86: /* DUP7 */ dup(sp, 7); sp += 32; ip++; continue;
        case 0x87: /* DUP8 */ dup(sp, 8); sp += 32; ip++; continue;
        case 0x88: /* DUP9 */ dup(sp, 9); sp += 32; ip++; continue;
        case 0x89: /* DUP10 */ dup(sp, 10); sp += 32; ip++; continue;
        case 0x8a: /* DUP11 */ dup(sp, 11); sp += 32; ip++; continue;
        case 0x8b: /* DUP12 */ dup(sp, 12); sp += 32; ip++; continue;
        case 0x8c: /* DUP13 */ dup(sp, 13); sp += 32; ip++; continue;
        case 0x8d: /* DUP14 */ dup(sp, 14); sp += 32; ip++; continue;
        case 0x8e: /* DUP15 */ dup(sp, 15); sp += 32; ip++; continue;
        case 0x8f: /* DUP16 */ dup(sp, 16); sp += 32; ip++; continue;
        case 0x90: /* SWAP1 */ swap(sp, 1); ip++; continue;
        case 0x91: /* SWAP2 */ swap(sp, 2); ip++; continue;
        case 0x92: /* SWAP3 */ swap(sp, 3); ip++; continue;
        case 0x93: /* SWAP4 */ swap(sp, 4); ip++; continue;
        case 0x94: /* SWAP5 */ swap(sp, 5); ip++; continue;
        case 0x95: /* SWAP6 */ swap(sp, 6); ip++; continue;
        case 0x96: /* SWAP7 */ swap(sp, 7); ip++; continue;
        case 0x97: /* SWAP8 */ swap(sp, 8); ip++; continue;
        case 0x98: /* SWAP9 */ swap(sp, 9); ip++; continue;
        case 0x99: /* SWAP10 */ swap(sp, 10); ip++; continue;
        case 0x9a: /* SWAP11 */ swap(sp, 11); ip++; continue;
        case 0x9b: /* SWAP12 */ swap(sp, 12); ip++; continue;
        case 0x9c: /* SWAP13 */ swap(sp, 13); ip++; continue;
        case 0x9d: /* SWAP14 */ swap(sp, 14); ip++; continue;
        case 0x9e: /* SWAP15 */ swap(sp, 15); ip++; continue;
        case 0x9f: /* SWAP16 */ swap(sp, 16); ip++; continue;
        case 0xa0: // LOG0
          gas = log(frame, 0, sp, gas);
          if (gas < 0) return <i32>-gas;
          room = wordRoom(frame); sp -= 64; ip++; continue;
        case 0xa1: // LOG1
          gas = log(frame, 1, sp, gas);
          if (gas < 0) return <i32>-gas;
          room = wordRoom(frame); sp -= 96; ip++; continue;
        case 0xa2: // LOG2
          gas = log(frame, 2, sp, gas);
          if (gas < 0) return <i32>-gas;
          room = wordRoom(frame); sp -= 128; ip++; continue;
        case 0xa3: // LOG3
          gas = log(frame, 3, sp, gas);
          if (gas < 0) return <i32>-gas;
          room = wordRoom(frame); sp -= 160; ip++; continue;
        case 0xa4: // LOG4
          gas = log(frame, 4, sp, gas);
          if (gas < 0) return <i32>-gas;
          room = wordRoom(frame); sp -= 192; ip++; continue;
        case 0xf3: /* RETURN */ return returns(frame, sp, STATUS_RETURN, gas);
        case 0xfd: // REVERT
          if (isUndefined(0xfd)) return STATUS_HALT;
          return returns(frame, sp, STATUS_REVERT, gas);
        case 0x3c: // EXTCODECOPY
        case 0xf0: // CREATE
        case 0xf1: // CALL
        case 0xf2: // CALLCODE
        case 0xf4: // DELEGATECALL
        case 0xf5: // CREATE2
        case 0xfa: // STATICCALL
        case 0xff: // SELFDESTRUCT
          if (isUndefined(<u32>load<u8>(ip))) return STATUS_HALT;
          store<u32>(frame, <u32>(ip - code), FRAME_PC);
          store<u32>(frame, <u32>sp, FRAME_SP);
          store<i64>(frame, gas, FRAME_GAS);
          return STATUS_OPERATION;
        default:
          return STATUS_HALT;
      }
      break;
    }
  }
}

/** Leaves the loop before an operation that could not be done: canonical state, and the status `left` stands for. */
function suspended(frame: usize, pc: usize, sp: usize, gas: i64, left: i64): i32 {
  store<u32>(frame, <u32>pc, FRAME_PC);
  store<u32>(frame, <u32>sp, FRAME_SP);
  store<i64>(frame, gas, FRAME_GAS);
  store<u32>(frame, 1, FRAME_RESUME);
  return <i32>-left;
}
