/** Hands the rules, prices and opcodes of a fork to the kernel: the one table of libs/evm-opcodes, in the kernel's form. */
import { type BlockRules, forkIndex } from "@velarium/chain-rules";
import { FLAG_ALONE, FLAG_DEFINED, FLAG_HALTS, opcodeTable } from "@velarium/evm-opcodes";
import * as L from "../assembly/layout.ts";
import type { KernelExports } from "./wasm.ts";

const SSTORE_SCHEMES = ["flat", "eip1283", "eip2200"] as const;
const JUMP = 0x56;
const U32_MAX = 0xffffffff;

/** Highest address of a precompile below 32, by fork (EIP-196 to 198, 152, 4844, 2537). */
function lastPrecompile(rules: BlockRules): number {
  const index = forkIndex(rules.fork);
  if (index >= forkIndex("prague")) return 0x11;
  if (index >= forkIndex("cancun")) return 0x0a;
  if (index >= forkIndex("istanbul")) return 9;
  return index >= forkIndex("byzantium") ? 8 : 4;
}

function writeOpcodes(view: DataView, at: number, rules: BlockRules): void {
  const { packed, opcodes } = opcodeTable(rules);
  const endings = new Set(
    opcodes.filter(({ section }) => section === "ends" || section === "alone").map(({ code }) => code),
  );
  for (let code = 0; code < 256; code++) {
    const to = at + code * L.OP_BYTES;
    const flags = packed.flags[code]!;
    const isDefined = (flags & FLAG_DEFINED) !== 0;
    view.setUint16(to + L.OP_GAS, packed.staticGas[code]!, true);
    view.setUint8(to + L.OP_INPUTS, packed.inputs[code]!);
    view.setUint8(to + L.OP_OUTPUTS, packed.outputs[code]!);
    view.setUint8(to + L.OP_IMMEDIATES, packed.immediateBytes[code]!);
    view.setUint8(
      to + L.OP_FLAGS,
      (isDefined ? 0 : L.OPFLAG_INVALID) |
        (!isDefined || endings.has(code) || (flags & FLAG_HALTS) !== 0 ? L.OPFLAG_ENDS : 0) |
        ((flags & FLAG_ALONE) !== 0 ? L.OPFLAG_SUSPENDS : 0) |
        (!isDefined || (flags & FLAG_HALTS) !== 0 || code === JUMP ? L.OPFLAG_LEAVES : 0),
    );
  }
}

export function writeRules(kernel: KernelExports, view: DataView, rules: BlockRules): void {
  const { limits } = rules;
  const { gas } = opcodeTable(rules);
  const { sstore } = gas;
  // Bits 1 to the last.
  const precompiles = 2 ** (lastPrecompile(rules) + 1) - 2;
  kernel.setRules(
    forkIndex(rules.fork),
    rules.maxTransactionType,
    limits.codeBytes ?? U32_MAX,
    limits.initcodeBytes ?? U32_MAX,
    limits.transactionGas ?? -1,
    limits.blobsPerTransaction,
    precompiles,
    rules.osaka,
  );
  kernel.setPrices(
    gas.expByte,
    gas.coldAccount,
    gas.warmAccount,
    gas.coldSlot,
    gas.warmSlot,
    gas.callValue,
    gas.callStipend,
    gas.callNewAccount,
    gas.selfdestructNewAccount,
    gas.selfdestructRefund,
    gas.initcodeWord,
    gas.codeDepositByte,
    gas.maxRefundQuotient,
  );
  kernel.setSstorePrices(
    SSTORE_SCHEMES.indexOf(sstore.scheme),
    sstore.sentry,
    sstore.set,
    sstore.reset,
    sstore.dirty,
    sstore.clearRefund,
    sstore.restoreZeroRefund,
    sstore.restoreRefund,
  );
  writeOpcodes(view, kernel.opcodes(), rules);
}
