// The interpreter: one loop over operations, one check of gas and stack per section (codes.ts). Position, stack pointer,
// gas and the size of memory are locals; they are stored to the frame whenever the loop is left.
//
// `ip` is the address of the operation, `sp` the address behind the top of the stack. The outer loop enters a section,
// the inner one runs its operations; a case that leaves the switch by `break` has ended its section.
import { BLOCK } from "./bounds";
import {
  blobhash, balance, blockhash, extcodehash, extcodesize, selfbalance, sload, sstore, tload, tstore,
} from "./state-operations";
import {
  calldatacopy, calldataload, codecopy, exp, log, mcopy, returndatacopy, returns,
} from "./data-operations";
import { restOfSection } from "./codes";
import { expand } from "./expansion";
import { hash } from "./keccak-memo";
import {
  BLOCK_BASE_FEE, BLOCK_BLOB_BASE_FEE, BLOCK_CHAIN_ID, BLOCK_COINBASE, BLOCK_GAS_LIMIT, BLOCK_GAS_PRICE, BLOCK_NUMBER,
  BLOCK_ORIGIN, BLOCK_RANDAO, BLOCK_TIMESTAMP, FRAME_ADDRESS, FRAME_CALLER, FRAME_CODE, FRAME_CODE_BYTES, FRAME_GAS,
  FRAME_INPUT_BYTES, FRAME_MEMORY, FRAME_MEMORY_BYTES, FRAME_PC, FRAME_RESUME, FRAME_SECTIONS, FRAME_SP, FRAME_STACK,
  FRAME_VALUE, OPFLAG_INVALID, OP_FLAGS, STATUS_HALT, STATUS_OPERATION, STATUS_RETURN, STATUS_REVERT, STATUS_STOP,
} from "./layout";
import { OPCODES } from "./bounds";
import { returnBytes } from "./execution";
import {
  add, addmod, byteAt, clz256, copy, div, equals, isZero, less, lessSigned, mod, mul, mulmod, reverse, saturated, sar,
  sdiv, shl, shr, signextend, small, smod, sub, zero,
} from "./u256";

/** Offsets below this many bytes into `bytes` of memory have a whole word in it. */
@inline
function wordRoom(bytes: u32): u64 {
  return bytes >= 32 ? <u64>bytes - 31 : 0;
}

/** True when the opcode is not of this fork. */
@inline
function isUndefined(op: u32): bool {
  return (load<u8>(OPCODES + (<usize>op << 3), OP_FLAGS) & OPFLAG_INVALID) != 0;
}

/** Runs the frame from its pc until it ends, needs the trampoline, or misses something. Returns a STATUS_*. */
export function interpret(frame: usize): i32 {
  const code = <usize>load<u32>(frame, FRAME_CODE);
  const sections = <usize>load<u32>(frame, FRAME_SECTIONS);
  const stack = <usize>load<u32>(frame, FRAME_STACK);
  const mem = <usize>load<u32>(frame, FRAME_MEMORY);
  let ip = code + <usize>load<u32>(frame, FRAME_PC);
  let sp = <usize>load<u32>(frame, FRAME_SP);
  let gas = load<i64>(frame, FRAME_GAS);
  let room = wordRoom(load<u32>(frame, FRAME_MEMORY_BYTES));
  // An operation that suspended belongs to a section that is paid and checked.
  let resumes = load<u32>(frame, FRAME_RESUME) != 0;
  store<u32>(frame, 0, FRAME_RESUME);
  if (!resumes && !startsSection(sections, ip - code)) {
    // Compiled code left in the middle of a section.
    const rest = restOfSection(code, load<u32>(frame, FRAME_CODE_BYTES), ip - code);
    gas -= <i64>load<u32>(rest);
    const height = <u32>((sp - stack) >> 5);
    if (gas < 0 || height < <u32>load<u16>(rest, 4) || height + <u32>load<u16>(rest, 6) > 1024) return STATUS_HALT;
    resumes = true;
  }
  while (true) {
    if (resumes) resumes = false;
    else {
      const pc = ip - code;
      const chunk = sections + ((pc >> 6) << 4);
      const below = load<u64>(chunk) & (((<u64>1) << (<u64>(pc & 63))) - 1);
      const record = <usize>load<u32>(chunk, 8) + (<usize>popcnt<u64>(below) << 3);
      gas -= <i64>load<u32>(record);
      const height = <u32>((sp - stack) >> 5);
      if (gas < 0 || height < <u32>load<u16>(record, 4) || height + <u32>load<u16>(record, 6) > 1024) return STATUS_HALT;
      if (load<u8>(ip) == 0x5b) ip++;
    }
    while (true) {
      switch (<u32>load<u8>(ip)) {
        case 0x00:
          store<i64>(frame, gas, FRAME_GAS);
          return STATUS_STOP;
        case 0x01: // ADD
          sp -= 32;
          add(sp, sp - 32, sp - 32);
          ip++;
          continue;
        case 0x02: // MUL
          sp -= 32;
          mul(sp, sp - 32, sp - 32);
          ip++;
          continue;
        case 0x03: // SUB
          sp -= 32;
          sub(sp, sp - 32, sp - 32);
          ip++;
          continue;
        case 0x04: // DIV
          sp -= 32;
          div(sp, sp - 32, sp - 32);
          ip++;
          continue;
        case 0x05: // SDIV
          sp -= 32;
          sdiv(sp, sp - 32, sp - 32);
          ip++;
          continue;
        case 0x06: // MOD
          sp -= 32;
          mod(sp, sp - 32, sp - 32);
          ip++;
          continue;
        case 0x07: // SMOD
          sp -= 32;
          smod(sp, sp - 32, sp - 32);
          ip++;
          continue;
        case 0x08: // ADDMOD
          sp -= 64;
          addmod(sp + 32, sp, sp - 32, sp - 32);
          ip++;
          continue;
        case 0x09: // MULMOD
          sp -= 64;
          mulmod(sp + 32, sp, sp - 32, sp - 32);
          ip++;
          continue;
        case 0x0a: // EXP
          sp -= 32;
          gas = exp(frame, sp, sp - 32, sp - 32, gas);
          if (gas < 0) return <i32>-gas;
          ip++;
          continue;
        case 0x0b: // SIGNEXTEND
          sp -= 32;
          signextend(sp, sp - 32, sp - 32);
          ip++;
          continue;
        case 0x10: // LT
          sp -= 32;
          small(sp - 32, u64(less(sp, sp - 32)));
          ip++;
          continue;
        case 0x11: // GT
          sp -= 32;
          small(sp - 32, u64(less(sp - 32, sp)));
          ip++;
          continue;
        case 0x12: // SLT
          sp -= 32;
          small(sp - 32, u64(lessSigned(sp, sp - 32)));
          ip++;
          continue;
        case 0x13: // SGT
          sp -= 32;
          small(sp - 32, u64(lessSigned(sp - 32, sp)));
          ip++;
          continue;
        case 0x14: // EQ
          sp -= 32;
          small(sp - 32, u64(equals(sp, sp - 32)));
          ip++;
          continue;
        case 0x15: // ISZERO
          small(sp - 32, u64(isZero(sp - 32)));
          ip++;
          continue;
        case 0x16: // AND
          sp -= 32;
          v128.store(sp - 32, v128.and(v128.load(sp - 32), v128.load(sp)));
          v128.store(sp - 32, v128.and(v128.load(sp - 32, 16), v128.load(sp, 16)), 16);
          ip++;
          continue;
        case 0x17: // OR
          sp -= 32;
          v128.store(sp - 32, v128.or(v128.load(sp - 32), v128.load(sp)));
          v128.store(sp - 32, v128.or(v128.load(sp - 32, 16), v128.load(sp, 16)), 16);
          ip++;
          continue;
        case 0x18: // XOR
          sp -= 32;
          v128.store(sp - 32, v128.xor(v128.load(sp - 32), v128.load(sp)));
          v128.store(sp - 32, v128.xor(v128.load(sp - 32, 16), v128.load(sp, 16)), 16);
          ip++;
          continue;
        case 0x19: // NOT
          v128.store(sp - 32, v128.not(v128.load(sp - 32)));
          v128.store(sp - 32, v128.not(v128.load(sp - 32, 16)), 16);
          ip++;
          continue;
        case 0x1a: // BYTEAT
          sp -= 32;
          byteAt(sp, sp - 32, sp - 32);
          ip++;
          continue;
        case 0x1b: // SHL
          if (isUndefined(0x1b)) return STATUS_HALT;
          sp -= 32;
          shl(sp, sp - 32, sp - 32);
          ip++;
          continue;
        case 0x1c: // SHR
          if (isUndefined(0x1c)) return STATUS_HALT;
          sp -= 32;
          shr(sp, sp - 32, sp - 32);
          ip++;
          continue;
        case 0x1d: // SAR
          if (isUndefined(0x1d)) return STATUS_HALT;
          sp -= 32;
          sar(sp, sp - 32, sp - 32);
          ip++;
          continue;
        case 0x1e: // CLZ
          if (isUndefined(0x1e)) return STATUS_HALT;
          small(sp - 32, clz256(sp - 32));
          ip++;
          continue;
        case 0x20: {
          // KECCAK256
          sp -= 32;
          const offset = saturated(sp);
          const size = saturated(sp - 32);
          if (size != 0) {
            gas = expand(frame, offset, size, gas);
            if (gas < 0) return <i32>-gas;
            gas -= <i64>(((size + 31) >> 5) * 6);
            if (gas < 0) return STATUS_HALT;
            room = wordRoom(load<u32>(frame, FRAME_MEMORY_BYTES));
          }
          hash(mem + <usize>offset, <usize>size, sp - 32);
          ip++;
          continue;
        }
        case 0x30: // ADDRESS
          copy(frame + FRAME_ADDRESS, sp);
          sp += 32;
          ip++;
          continue;
        case 0x31: {
          // BALANCE
          const left = balance(frame, sp - 32, sp - 32, gas);
          if (left < 0) return suspended(frame, ip - code, sp, gas, left);
          gas = left;
          ip++;
          break;
        }
        case 0x32: // ORIGIN
          copy(BLOCK + BLOCK_ORIGIN, sp);
          sp += 32;
          ip++;
          continue;
        case 0x33: // CALLER
          copy(frame + FRAME_CALLER, sp);
          sp += 32;
          ip++;
          continue;
        case 0x34: // CALLVALUE
          copy(frame + FRAME_VALUE, sp);
          sp += 32;
          ip++;
          continue;
        case 0x35: // CALLDATALOAD
          calldataload(frame, sp - 32, sp - 32);
          ip++;
          continue;
        case 0x36: // CALLDATASIZE
          small(sp, load<u32>(frame, FRAME_INPUT_BYTES));
          sp += 32;
          ip++;
          continue;
        case 0x37: // CALLDATACOPY
          gas = calldatacopy(frame, sp - 32, sp - 64, sp - 96, gas);
          if (gas < 0) return <i32>-gas;
          room = wordRoom(load<u32>(frame, FRAME_MEMORY_BYTES));
          sp -= 96;
          ip++;
          continue;
        case 0x38: // CODESIZE
          small(sp, load<u32>(frame, FRAME_CODE_BYTES));
          sp += 32;
          ip++;
          continue;
        case 0x39: // CODECOPY
          gas = codecopy(frame, sp - 32, sp - 64, sp - 96, gas);
          if (gas < 0) return <i32>-gas;
          room = wordRoom(load<u32>(frame, FRAME_MEMORY_BYTES));
          sp -= 96;
          ip++;
          continue;
        case 0x3a: // GASPRICE
          copy(BLOCK + BLOCK_GAS_PRICE, sp);
          sp += 32;
          ip++;
          continue;
        case 0x3b: {
          // EXTCODESIZE
          const left = extcodesize(frame, sp - 32, sp - 32, gas);
          if (left < 0) return suspended(frame, ip - code, sp, gas, left);
          gas = left;
          ip++;
          break;
        }
        case 0x3d: // RETURNDATASIZE
          if (isUndefined(0x3d)) return STATUS_HALT;
          small(sp, <u64>returnBytes);
          sp += 32;
          ip++;
          continue;
        case 0x3e: // RETURNDATACOPY
          if (isUndefined(0x3e)) return STATUS_HALT;
          gas = returndatacopy(frame, sp - 32, sp - 64, sp - 96, gas);
          if (gas < 0) return <i32>-gas;
          room = wordRoom(load<u32>(frame, FRAME_MEMORY_BYTES));
          sp -= 96;
          ip++;
          continue;
        case 0x3f: {
          // EXTCODEHASH
          if (isUndefined(0x3f)) return STATUS_HALT;
          const left = extcodehash(frame, sp - 32, sp - 32, gas);
          if (left < 0) return suspended(frame, ip - code, sp, gas, left);
          gas = left;
          ip++;
          break;
        }
        case 0x40: {
          // BLOCKHASH
          const left = blockhash(frame, sp - 32, sp - 32, gas);
          if (left < 0) return suspended(frame, ip - code, sp, gas, left);
          gas = left;
          ip++;
          break;
        }
        case 0x41: // COINBASE
          copy(BLOCK + BLOCK_COINBASE, sp);
          sp += 32;
          ip++;
          continue;
        case 0x42: // TIMESTAMP
          copy(BLOCK + BLOCK_TIMESTAMP, sp);
          sp += 32;
          ip++;
          continue;
        case 0x43: // NUMBER
          copy(BLOCK + BLOCK_NUMBER, sp);
          sp += 32;
          ip++;
          continue;
        case 0x44: // DIFFICULTY, PREVRANDAO
          copy(BLOCK + BLOCK_RANDAO, sp);
          sp += 32;
          ip++;
          continue;
        case 0x45: // GASLIMIT
          copy(BLOCK + BLOCK_GAS_LIMIT, sp);
          sp += 32;
          ip++;
          continue;
        case 0x46: // CHAINID
          if (isUndefined(0x46)) return STATUS_HALT;
          copy(BLOCK + BLOCK_CHAIN_ID, sp);
          sp += 32;
          ip++;
          continue;
        case 0x47: {
          // SELFBALANCE
          if (isUndefined(0x47)) return STATUS_HALT;
          const left = selfbalance(frame, sp, gas);
          if (left < 0) return suspended(frame, ip - code, sp, gas, left);
          gas = left;
          sp += 32;
          ip++;
          break;
        }
        case 0x48: // BASEFEE
          if (isUndefined(0x48)) return STATUS_HALT;
          copy(BLOCK + BLOCK_BASE_FEE, sp);
          sp += 32;
          ip++;
          continue;
        case 0x49: // BLOBHASH
          if (isUndefined(0x49)) return STATUS_HALT;
          blobhash(sp - 32, sp - 32);
          ip++;
          continue;
        case 0x4a: // BLOBBASEFEE
          if (isUndefined(0x4a)) return STATUS_HALT;
          copy(BLOCK + BLOCK_BLOB_BASE_FEE, sp);
          sp += 32;
          ip++;
          continue;
        case 0x50: // POP
          sp -= 32;
          ip++;
          continue;
        case 0x51: {
          // MLOAD
          const at = sp - 32;
          const offset = load<u64>(at);
          if ((load<u64>(at, 8) | load<u64>(at, 16) | load<u64>(at, 24)) != 0 || offset >= room) {
            gas = expand(frame, saturated(at), 32, gas);
            if (gas < 0) return <i32>-gas;
            room = wordRoom(load<u32>(frame, FRAME_MEMORY_BYTES));
          }
          reverse(mem + <usize>offset, at);
          ip++;
          continue;
        }
        case 0x52: {
          // MSTORE
          const at = sp - 32;
          const offset = load<u64>(at);
          if ((load<u64>(at, 8) | load<u64>(at, 16) | load<u64>(at, 24)) != 0 || offset >= room) {
            gas = expand(frame, saturated(at), 32, gas);
            if (gas < 0) return <i32>-gas;
            room = wordRoom(load<u32>(frame, FRAME_MEMORY_BYTES));
          }
          reverse(sp - 64, mem + <usize>offset);
          sp -= 64;
          ip++;
          continue;
        }
        case 0x53: {
          // MSTORE8
          const offset = saturated(sp - 32);
          gas = expand(frame, offset, 1, gas);
          if (gas < 0) return <i32>-gas;
          room = wordRoom(load<u32>(frame, FRAME_MEMORY_BYTES));
          store<u8>(mem + <usize>offset, load<u8>(sp - 64));
          sp -= 64;
          ip++;
          continue;
        }
        case 0x54: {
          // SLOAD
          const left = sload(frame, sp - 32, sp - 32, gas);
          if (left < 0) return suspended(frame, ip - code, sp, gas, left);
          gas = left;
          ip++;
          break;
        }
        case 0x55: {
          // SSTORE
          const left = sstore(frame, sp - 32, sp - 64, gas);
          if (left < 0) return suspended(frame, ip - code, sp, gas, left);
          gas = left;
          sp -= 64;
          ip++;
          break;
        }
        case 0x56: {
          // JUMP
          sp -= 32;
          const target = saturated(sp);
          if (target >= <u64>load<u32>(frame, FRAME_CODE_BYTES)) return STATUS_HALT;
          ip = code + <usize>target;
          if (!isJumpdest(sections, ip, <usize>target)) return STATUS_HALT;
          break;
        }
        case 0x57: {
          // JUMPI
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
        case 0x58: // PC
          small(sp, <u64>(ip - code));
          sp += 32;
          ip++;
          continue;
        case 0x59: // MSIZE
          small(sp, load<u32>(frame, FRAME_MEMORY_BYTES));
          sp += 32;
          ip++;
          continue;
        case 0x5a: // GAS
          small(sp, <u64>gas);
          sp += 32;
          ip++;
          break;
        case 0x5b: // JUMPDEST, fallen into
          break;
        case 0x5c: // TLOAD
          if (isUndefined(0x5c)) return STATUS_HALT;
          tload(frame, sp - 32, sp - 32);
          ip++;
          continue;
        case 0x5d: {
          // TSTORE
          if (isUndefined(0x5d)) return STATUS_HALT;
          const status = tstore(frame, sp - 32, sp - 64);
          if (status != 0) return status;
          sp -= 64;
          ip++;
          continue;
        }
        case 0x5e: // MCOPY
          if (isUndefined(0x5e)) return STATUS_HALT;
          gas = mcopy(frame, sp - 32, sp - 64, sp - 96, gas);
          if (gas < 0) return <i32>-gas;
          room = wordRoom(load<u32>(frame, FRAME_MEMORY_BYTES));
          sp -= 96;
          ip++;
          continue;
        case 0x5f: // PUSH0
          if (isUndefined(0x5f)) return STATUS_HALT;
          small(sp, 0);
          sp += 32;
          ip++;
          continue;
        case 0x60: // PUSH1
          store<u64>(sp, <u64>load<u8>(ip, 1));
          store<u64>(sp, 0, 8);
          store<u64>(sp, 0, 16);
          store<u64>(sp, 0, 24);
          sp += 32;
          ip += 2;
          continue;
        case 0x61: // PUSH2
          store<u64>(sp, bswap<u64>(load<u64>(ip, 1)) >> 48);
          store<u64>(sp, 0, 8);
          store<u64>(sp, 0, 16);
          store<u64>(sp, 0, 24);
          sp += 32;
          ip += 3;
          continue;
        case 0x62: // PUSH3
          store<u64>(sp, bswap<u64>(load<u64>(ip, 1)) >> 40);
          store<u64>(sp, 0, 8);
          store<u64>(sp, 0, 16);
          store<u64>(sp, 0, 24);
          sp += 32;
          ip += 4;
          continue;
        case 0x63: // PUSH4
          store<u64>(sp, bswap<u64>(load<u64>(ip, 1)) >> 32);
          store<u64>(sp, 0, 8);
          store<u64>(sp, 0, 16);
          store<u64>(sp, 0, 24);
          sp += 32;
          ip += 5;
          continue;
        case 0x64: // PUSH5
          store<u64>(sp, bswap<u64>(load<u64>(ip, 1)) >> 24);
          store<u64>(sp, 0, 8);
          store<u64>(sp, 0, 16);
          store<u64>(sp, 0, 24);
          sp += 32;
          ip += 6;
          continue;
        case 0x65: // PUSH6
          store<u64>(sp, bswap<u64>(load<u64>(ip, 1)) >> 16);
          store<u64>(sp, 0, 8);
          store<u64>(sp, 0, 16);
          store<u64>(sp, 0, 24);
          sp += 32;
          ip += 7;
          continue;
        case 0x66: // PUSH7
          store<u64>(sp, bswap<u64>(load<u64>(ip, 1)) >> 8);
          store<u64>(sp, 0, 8);
          store<u64>(sp, 0, 16);
          store<u64>(sp, 0, 24);
          sp += 32;
          ip += 8;
          continue;
        case 0x67: // PUSH8
          store<u64>(sp, bswap<u64>(load<u64>(ip, 1)));
          store<u64>(sp, 0, 8);
          store<u64>(sp, 0, 16);
          store<u64>(sp, 0, 24);
          sp += 32;
          ip += 9;
          continue;
        case 0x68: // PUSH9
          store<u64>(sp, bswap<u64>(load<u64>(ip, 2)));
          store<u64>(sp, bswap<u64>(load<u64>(ip, 1)) >> 56, 8);
          store<u64>(sp, 0, 16);
          store<u64>(sp, 0, 24);
          sp += 32;
          ip += 10;
          continue;
        case 0x69: // PUSH10
          store<u64>(sp, bswap<u64>(load<u64>(ip, 3)));
          store<u64>(sp, bswap<u64>(load<u64>(ip, 1)) >> 48, 8);
          store<u64>(sp, 0, 16);
          store<u64>(sp, 0, 24);
          sp += 32;
          ip += 11;
          continue;
        case 0x6a: // PUSH11
          store<u64>(sp, bswap<u64>(load<u64>(ip, 4)));
          store<u64>(sp, bswap<u64>(load<u64>(ip, 1)) >> 40, 8);
          store<u64>(sp, 0, 16);
          store<u64>(sp, 0, 24);
          sp += 32;
          ip += 12;
          continue;
        case 0x6b: // PUSH12
          store<u64>(sp, bswap<u64>(load<u64>(ip, 5)));
          store<u64>(sp, bswap<u64>(load<u64>(ip, 1)) >> 32, 8);
          store<u64>(sp, 0, 16);
          store<u64>(sp, 0, 24);
          sp += 32;
          ip += 13;
          continue;
        case 0x6c: // PUSH13
          store<u64>(sp, bswap<u64>(load<u64>(ip, 6)));
          store<u64>(sp, bswap<u64>(load<u64>(ip, 1)) >> 24, 8);
          store<u64>(sp, 0, 16);
          store<u64>(sp, 0, 24);
          sp += 32;
          ip += 14;
          continue;
        case 0x6d: // PUSH14
          store<u64>(sp, bswap<u64>(load<u64>(ip, 7)));
          store<u64>(sp, bswap<u64>(load<u64>(ip, 1)) >> 16, 8);
          store<u64>(sp, 0, 16);
          store<u64>(sp, 0, 24);
          sp += 32;
          ip += 15;
          continue;
        case 0x6e: // PUSH15
          store<u64>(sp, bswap<u64>(load<u64>(ip, 8)));
          store<u64>(sp, bswap<u64>(load<u64>(ip, 1)) >> 8, 8);
          store<u64>(sp, 0, 16);
          store<u64>(sp, 0, 24);
          sp += 32;
          ip += 16;
          continue;
        case 0x6f: // PUSH16
          store<u64>(sp, bswap<u64>(load<u64>(ip, 9)));
          store<u64>(sp, bswap<u64>(load<u64>(ip, 1)), 8);
          store<u64>(sp, 0, 16);
          store<u64>(sp, 0, 24);
          sp += 32;
          ip += 17;
          continue;
        case 0x70: // PUSH17
          store<u64>(sp, bswap<u64>(load<u64>(ip, 10)));
          store<u64>(sp, bswap<u64>(load<u64>(ip, 2)), 8);
          store<u64>(sp, bswap<u64>(load<u64>(ip, 1)) >> 56, 16);
          store<u64>(sp, 0, 24);
          sp += 32;
          ip += 18;
          continue;
        case 0x71: // PUSH18
          store<u64>(sp, bswap<u64>(load<u64>(ip, 11)));
          store<u64>(sp, bswap<u64>(load<u64>(ip, 3)), 8);
          store<u64>(sp, bswap<u64>(load<u64>(ip, 1)) >> 48, 16);
          store<u64>(sp, 0, 24);
          sp += 32;
          ip += 19;
          continue;
        case 0x72: // PUSH19
          store<u64>(sp, bswap<u64>(load<u64>(ip, 12)));
          store<u64>(sp, bswap<u64>(load<u64>(ip, 4)), 8);
          store<u64>(sp, bswap<u64>(load<u64>(ip, 1)) >> 40, 16);
          store<u64>(sp, 0, 24);
          sp += 32;
          ip += 20;
          continue;
        case 0x73: // PUSH20
          store<u64>(sp, bswap<u64>(load<u64>(ip, 13)));
          store<u64>(sp, bswap<u64>(load<u64>(ip, 5)), 8);
          store<u64>(sp, bswap<u64>(load<u64>(ip, 1)) >> 32, 16);
          store<u64>(sp, 0, 24);
          sp += 32;
          ip += 21;
          continue;
        case 0x74: // PUSH21
          store<u64>(sp, bswap<u64>(load<u64>(ip, 14)));
          store<u64>(sp, bswap<u64>(load<u64>(ip, 6)), 8);
          store<u64>(sp, bswap<u64>(load<u64>(ip, 1)) >> 24, 16);
          store<u64>(sp, 0, 24);
          sp += 32;
          ip += 22;
          continue;
        case 0x75: // PUSH22
          store<u64>(sp, bswap<u64>(load<u64>(ip, 15)));
          store<u64>(sp, bswap<u64>(load<u64>(ip, 7)), 8);
          store<u64>(sp, bswap<u64>(load<u64>(ip, 1)) >> 16, 16);
          store<u64>(sp, 0, 24);
          sp += 32;
          ip += 23;
          continue;
        case 0x76: // PUSH23
          store<u64>(sp, bswap<u64>(load<u64>(ip, 16)));
          store<u64>(sp, bswap<u64>(load<u64>(ip, 8)), 8);
          store<u64>(sp, bswap<u64>(load<u64>(ip, 1)) >> 8, 16);
          store<u64>(sp, 0, 24);
          sp += 32;
          ip += 24;
          continue;
        case 0x77: // PUSH24
          store<u64>(sp, bswap<u64>(load<u64>(ip, 17)));
          store<u64>(sp, bswap<u64>(load<u64>(ip, 9)), 8);
          store<u64>(sp, bswap<u64>(load<u64>(ip, 1)), 16);
          store<u64>(sp, 0, 24);
          sp += 32;
          ip += 25;
          continue;
        case 0x78: // PUSH25
          store<u64>(sp, bswap<u64>(load<u64>(ip, 18)));
          store<u64>(sp, bswap<u64>(load<u64>(ip, 10)), 8);
          store<u64>(sp, bswap<u64>(load<u64>(ip, 2)), 16);
          store<u64>(sp, bswap<u64>(load<u64>(ip, 1)) >> 56, 24);
          sp += 32;
          ip += 26;
          continue;
        case 0x79: // PUSH26
          store<u64>(sp, bswap<u64>(load<u64>(ip, 19)));
          store<u64>(sp, bswap<u64>(load<u64>(ip, 11)), 8);
          store<u64>(sp, bswap<u64>(load<u64>(ip, 3)), 16);
          store<u64>(sp, bswap<u64>(load<u64>(ip, 1)) >> 48, 24);
          sp += 32;
          ip += 27;
          continue;
        case 0x7a: // PUSH27
          store<u64>(sp, bswap<u64>(load<u64>(ip, 20)));
          store<u64>(sp, bswap<u64>(load<u64>(ip, 12)), 8);
          store<u64>(sp, bswap<u64>(load<u64>(ip, 4)), 16);
          store<u64>(sp, bswap<u64>(load<u64>(ip, 1)) >> 40, 24);
          sp += 32;
          ip += 28;
          continue;
        case 0x7b: // PUSH28
          store<u64>(sp, bswap<u64>(load<u64>(ip, 21)));
          store<u64>(sp, bswap<u64>(load<u64>(ip, 13)), 8);
          store<u64>(sp, bswap<u64>(load<u64>(ip, 5)), 16);
          store<u64>(sp, bswap<u64>(load<u64>(ip, 1)) >> 32, 24);
          sp += 32;
          ip += 29;
          continue;
        case 0x7c: // PUSH29
          store<u64>(sp, bswap<u64>(load<u64>(ip, 22)));
          store<u64>(sp, bswap<u64>(load<u64>(ip, 14)), 8);
          store<u64>(sp, bswap<u64>(load<u64>(ip, 6)), 16);
          store<u64>(sp, bswap<u64>(load<u64>(ip, 1)) >> 24, 24);
          sp += 32;
          ip += 30;
          continue;
        case 0x7d: // PUSH30
          store<u64>(sp, bswap<u64>(load<u64>(ip, 23)));
          store<u64>(sp, bswap<u64>(load<u64>(ip, 15)), 8);
          store<u64>(sp, bswap<u64>(load<u64>(ip, 7)), 16);
          store<u64>(sp, bswap<u64>(load<u64>(ip, 1)) >> 16, 24);
          sp += 32;
          ip += 31;
          continue;
        case 0x7e: // PUSH31
          store<u64>(sp, bswap<u64>(load<u64>(ip, 24)));
          store<u64>(sp, bswap<u64>(load<u64>(ip, 16)), 8);
          store<u64>(sp, bswap<u64>(load<u64>(ip, 8)), 16);
          store<u64>(sp, bswap<u64>(load<u64>(ip, 1)) >> 8, 24);
          sp += 32;
          ip += 32;
          continue;
        case 0x7f: // PUSH32
          reverse(ip + 1, sp);
          sp += 32;
          ip += 33;
          continue;
        case 0x80: // DUP1
          copy(sp - 32, sp);
          sp += 32;
          ip++;
          continue;
        case 0x81: // DUP2
          copy(sp - 64, sp);
          sp += 32;
          ip++;
          continue;
        case 0x82: // DUP3
          copy(sp - 96, sp);
          sp += 32;
          ip++;
          continue;
        case 0x83: // DUP4
          copy(sp - 128, sp);
          sp += 32;
          ip++;
          continue;
        case 0x84: // DUP5
          copy(sp - 160, sp);
          sp += 32;
          ip++;
          continue;
        case 0x85: // DUP6
          copy(sp - 192, sp);
          sp += 32;
          ip++;
          continue;
        case 0x86: // DUP7
          copy(sp - 224, sp);
          sp += 32;
          ip++;
          continue;
        case 0x87: // DUP8
          copy(sp - 256, sp);
          sp += 32;
          ip++;
          continue;
        case 0x88: // DUP9
          copy(sp - 288, sp);
          sp += 32;
          ip++;
          continue;
        case 0x89: // DUP10
          copy(sp - 320, sp);
          sp += 32;
          ip++;
          continue;
        case 0x8a: // DUP11
          copy(sp - 352, sp);
          sp += 32;
          ip++;
          continue;
        case 0x8b: // DUP12
          copy(sp - 384, sp);
          sp += 32;
          ip++;
          continue;
        case 0x8c: // DUP13
          copy(sp - 416, sp);
          sp += 32;
          ip++;
          continue;
        case 0x8d: // DUP14
          copy(sp - 448, sp);
          sp += 32;
          ip++;
          continue;
        case 0x8e: // DUP15
          copy(sp - 480, sp);
          sp += 32;
          ip++;
          continue;
        case 0x8f: // DUP16
          copy(sp - 512, sp);
          sp += 32;
          ip++;
          continue;
        case 0x90: // SWAP1
          swap(sp - 32, sp - 64);
          ip++;
          continue;
        case 0x91: // SWAP2
          swap(sp - 32, sp - 96);
          ip++;
          continue;
        case 0x92: // SWAP3
          swap(sp - 32, sp - 128);
          ip++;
          continue;
        case 0x93: // SWAP4
          swap(sp - 32, sp - 160);
          ip++;
          continue;
        case 0x94: // SWAP5
          swap(sp - 32, sp - 192);
          ip++;
          continue;
        case 0x95: // SWAP6
          swap(sp - 32, sp - 224);
          ip++;
          continue;
        case 0x96: // SWAP7
          swap(sp - 32, sp - 256);
          ip++;
          continue;
        case 0x97: // SWAP8
          swap(sp - 32, sp - 288);
          ip++;
          continue;
        case 0x98: // SWAP9
          swap(sp - 32, sp - 320);
          ip++;
          continue;
        case 0x99: // SWAP10
          swap(sp - 32, sp - 352);
          ip++;
          continue;
        case 0x9a: // SWAP11
          swap(sp - 32, sp - 384);
          ip++;
          continue;
        case 0x9b: // SWAP12
          swap(sp - 32, sp - 416);
          ip++;
          continue;
        case 0x9c: // SWAP13
          swap(sp - 32, sp - 448);
          ip++;
          continue;
        case 0x9d: // SWAP14
          swap(sp - 32, sp - 480);
          ip++;
          continue;
        case 0x9e: // SWAP15
          swap(sp - 32, sp - 512);
          ip++;
          continue;
        case 0x9f: // SWAP16
          swap(sp - 32, sp - 544);
          ip++;
          continue;
        case 0xa0: // LOG0
          gas = log(frame, 0, sp, gas);
          if (gas < 0) return <i32>-gas;
          room = wordRoom(load<u32>(frame, FRAME_MEMORY_BYTES));
          sp -= 64;
          ip++;
          continue;
        case 0xa1: // LOG1
          gas = log(frame, 1, sp, gas);
          if (gas < 0) return <i32>-gas;
          room = wordRoom(load<u32>(frame, FRAME_MEMORY_BYTES));
          sp -= 96;
          ip++;
          continue;
        case 0xa2: // LOG2
          gas = log(frame, 2, sp, gas);
          if (gas < 0) return <i32>-gas;
          room = wordRoom(load<u32>(frame, FRAME_MEMORY_BYTES));
          sp -= 128;
          ip++;
          continue;
        case 0xa3: // LOG3
          gas = log(frame, 3, sp, gas);
          if (gas < 0) return <i32>-gas;
          room = wordRoom(load<u32>(frame, FRAME_MEMORY_BYTES));
          sp -= 160;
          ip++;
          continue;
        case 0xa4: // LOG4
          gas = log(frame, 4, sp, gas);
          if (gas < 0) return <i32>-gas;
          room = wordRoom(load<u32>(frame, FRAME_MEMORY_BYTES));
          sp -= 192;
          ip++;
          continue;
        case 0xf3: // RETURN
          return returns(frame, sp, STATUS_RETURN, gas);
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

@inline
function startsSection(sections: usize, pc: usize): bool {
  return ((load<u64>(sections + ((pc >> 6) << 4)) >> (<u64>(pc & 63))) & 1) != 0;
}

/** A position that code may jump to: JUMPDEST at the start of a section, so not inside data. */
@inline
function isJumpdest(sections: usize, ip: usize, pc: usize): bool {
  return load<u8>(ip) == 0x5b && startsSection(sections, pc);
}

@inline
function swap(a: usize, b: usize): void {
  const low = v128.load(a);
  const high = v128.load(a, 16);
  v128.store(a, v128.load(b));
  v128.store(a, v128.load(b, 16), 16);
  v128.store(b, low);
  v128.store(b, high, 16);
}

/** Leaves the loop before an operation that could not be done: canonical state, and the status `left` stands for. */
function suspended(frame: usize, pc: usize, sp: usize, gas: i64, left: i64): i32 {
  store<u32>(frame, <u32>pc, FRAME_PC);
  store<u32>(frame, <u32>sp, FRAME_SP);
  store<i64>(frame, gas, FRAME_GAS);
  store<u32>(frame, 1, FRAME_RESUME);
  return <i32>-left;
}
