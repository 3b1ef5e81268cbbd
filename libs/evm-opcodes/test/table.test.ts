import type { Common } from "@ethereumjs/common";
import { createEVM, getOpcodesForHF } from "@ethereumjs/evm";
import { describe, expect, test } from "@jest/globals";
import { createBlockRules, createCommon, FORKS, type Fork, isAtLeast } from "@velarium/chain-rules";
import { FLAG_ALONE, FLAG_DEFINED, gasSchedule, opcodeTable, opcodeTableOf } from "../src/index.ts";

type OpcodeList = ReturnType<typeof getOpcodesForHF>["opcodes"];

async function referenceOf(fork: Fork): Promise<{ common: Common; opcodes: OpcodeList }> {
  const common = createCommon(createBlockRules(fork, 1));
  const evm = await createEVM({ common });
  return { common: evm.common, opcodes: getOpcodesForHF(evm.common).opcodes };
}

const param = (common: Common, name: string): number => Number(common.param(name));

describe.each(FORKS)("opcodes of %s", (fork) => {
  test("are those of the reference, with its static gas and names", async () => {
    const { opcodes } = await referenceOf(fork);
    const table = opcodeTable(createBlockRules(fork, 1));
    for (let code = 0; code < 256; code++) {
      const ours = table.opcode(code);
      const theirs = opcodes.get(code);
      expect([code, ours !== undefined]).toEqual([code, theirs !== undefined]);
      if (ours === undefined || theirs === undefined) continue;
      expect([ours.mnemonic, ours.staticGas]).toEqual([theirs.fullName, theirs.fee]);
      const dynamic = ours.gasBeforeAccess.length + ours.gasAfterAccess.length > 0;
      expect([ours.mnemonic, dynamic]).toEqual([ours.mnemonic, theirs.dynamicGas]);
    }
  });

  test("cost what the reference charges beyond static gas", async () => {
    const { common } = await referenceOf(fork);
    const ours = gasSchedule(fork);
    const names = {
      memoryWord: "memoryGas",
      memoryQuadDivisor: "quadCoefficientDivGas",
      copyWord: "copyGas",
      keccakWord: "keccak256WordGas",
      logByte: "logDataGas",
      logTopic: "logTopicGas",
      expByte: "expByteGas",
      callValue: "callValueTransferGas",
      callStipend: "callStipendGas",
      callNewAccount: "callNewAccountGas",
      codeDepositByte: "createDataGas",
      selfdestructRefund: "selfdestructRefundGas",
      maxRefundQuotient: "maxRefundQuotient",
    } as const;
    for (const [name, theirs] of Object.entries(names))
      expect([name, ours[name as keyof typeof names]]).toEqual([name, param(common, theirs)]);
    if (isAtLeast(fork, "shanghai")) expect(ours.initcodeWord).toBe(param(common, "initCodeWordGas"));
    if (!isAtLeast(fork, "berlin")) return;
    expect([ours.coldAccount, ours.warmAccount, ours.coldSlot, ours.warmSlot]).toEqual([
      param(common, "coldaccountaccessGas"),
      param(common, "warmstoragereadGas"),
      param(common, "coldsloadGas"),
      param(common, "warmstoragereadGas"),
    ]);
  });

  test("have SSTORE priced as in the reference", async () => {
    const { common } = await referenceOf(fork);
    const { scheme, set, reset, dirty, clearRefund, restoreZeroRefund, restoreRefund, sentry } =
      gasSchedule(fork).sstore;
    const expected = {
      flat: ["sstoreSetGas", "sstoreResetGas", "sstoreResetGas", "sstoreRefundGas"],
      eip1283: [
        "netSstoreInitGas",
        "netSstoreCleanGas",
        "netSstoreDirtyGas",
        "netSstoreClearRefundGas",
        "netSstoreResetClearRefundGas",
        "netSstoreResetRefundGas",
      ],
      eip2200: [
        "sstoreInitEIP2200Gas",
        "sstoreCleanEIP2200Gas",
        "sstoreDirtyEIP2200Gas",
        "sstoreClearRefundEIP2200Gas",
        "sstoreInitRefundEIP2200Gas",
        "sstoreCleanRefundEIP2200Gas",
        "sstoreSentryEIP2200Gas",
      ],
    }[scheme];
    const ours = [set, reset, dirty, clearRefund, restoreZeroRefund, restoreRefund, sentry];
    const theirs = expected.map((name) => param(common, name));
    // From Berlin on the reference computes this refund from the others when the slot is warm, as a dirty one always is.
    if (isAtLeast(fork, "berlin"))
      theirs[5] =
        param(common, "sstoreResetGas") - param(common, "coldsloadGas") - param(common, "warmstoragereadGas");
    expect(ours.slice(0, expected.length)).toEqual(theirs);
    expect(ours.slice(expected.length).every((gas) => gas === 0)).toBe(true);
    if (scheme === "eip2200") expect(dirty).toBe(param(common, "sstoreNoopEIP2200Gas"));
    const wanted = fork === "constantinople" ? "eip1283" : isAtLeast(fork, "istanbul") ? "eip2200" : "flat";
    expect(scheme).toBe(wanted);
  });

  test("have packed columns that say the same", () => {
    const { packed, opcode } = opcodeTableOf(fork);
    for (let code = 0; code < 256; code++) {
      const entry = opcode(code);
      expect([
        packed.inputs[code],
        packed.outputs[code],
        packed.immediateBytes[code],
        packed.staticGas[code],
        (packed.flags[code]! & FLAG_DEFINED) !== 0,
        (packed.flags[code]! & FLAG_ALONE) !== 0,
      ]).toEqual([
        entry?.inputs ?? 0,
        entry?.outputs ?? 0,
        entry?.immediateBytes ?? 0,
        entry?.staticGas ?? 0,
        entry !== undefined,
        entry?.section === "alone",
      ]);
    }
  });
});

test("what reads state of others can suspend and pays for itself; memory ranges name operands that exist", () => {
  for (const fork of FORKS)
    for (const opcode of opcodeTableOf(fork).opcodes) {
      const reads = opcode.state.some(({ target }) => target !== "transient");
      expect([opcode.mnemonic, opcode.suspends, opcode.section === "alone"]).toEqual([
        opcode.mnemonic,
        reads,
        reads,
      ]);
      for (const { offset, size } of opcode.memory) {
        expect(offset).toBeLessThan(opcode.inputs);
        if ("operand" in size) expect(size.operand).toBeLessThan(opcode.inputs);
      }
      for (const { operand } of opcode.state)
        if (operand !== undefined) expect(operand).toBeLessThan(opcode.inputs);
    }
});
