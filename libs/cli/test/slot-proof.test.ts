import { describe, expect, it } from "@jest/globals";
import { Domain, encodeCodeWord, fieldKey, storageKey } from "@velarium/slots";
import { proveSlot, StateStore } from "@velarium/state-tree";
import {
  hexOf,
  PROOF_FORMAT,
  type ProofFile,
  type ProvableField,
  slotKeyOf,
  verifyProofFile,
} from "../src/slot-proof.ts";

const ADDRESS = new Uint8Array(20).fill(0xaa);
const STRANGER = new Uint8Array(20).fill(0xbb);
const SLOT = new Uint8Array(32).fill(7);
const word = (value: number): Uint8Array => {
  const out = new Uint8Array(32);
  out[31] = value;
  return out;
};
/** An account that was wiped twice: its storage keys hold incarnation 2. */
const CODE = encodeCodeWord({ flags: 0, incarnation: 2, hashPrefix: new Uint8Array(28).fill(9) });

function store(): StateStore {
  const entries: [Uint8Array, Uint8Array][] = [
    [fieldKey(Domain.balance, ADDRESS), word(5)],
    [fieldKey(Domain.code, ADDRESS), CODE],
    [storageKey(ADDRESS, SLOT, 1), word(1)],
    [storageKey(ADDRESS, SLOT, 2), word(2)],
  ];
  const opened = StateStore.open({ dir: null, chain: { chainId: 1, genesisHash: "test" } });
  opened.addGenesis(
    Uint8Array.from(entries.flatMap(([key]) => [...key])),
    Uint8Array.from(entries.flatMap(([, value]) => [...value])),
    entries.length,
  );
  opened.commitGenesis();
  return opened;
}

function proofOf(
  state: StateStore,
  address: Uint8Array,
  field: ProvableField,
  value: Uint8Array,
  incarnation = 0,
): ProofFile {
  const isStorage = field === "storage";
  return {
    format: PROOF_FORMAT,
    chainId: 1,
    block: 0,
    stateRoot: hexOf(state.stateRoot()),
    address: hexOf(address),
    field,
    ...(isStorage ? { slot: hexOf(SLOT), codeProof: proveSlot(state, fieldKey(Domain.code, address)) } : {}),
    value: hexOf(value),
    proof: proveSlot(state, slotKeyOf(field, address, isStorage ? SLOT : undefined, incarnation)),
  };
}

describe("proof files", () => {
  const state = store();

  it("show a value, and that there is none", () => {
    expect(verifyProofFile(proofOf(state, ADDRESS, "balance", word(5)))).toMatchObject({
      ok: true,
      kind: "inclusion",
      value: hexOf(word(5)),
    });
    expect(verifyProofFile(proofOf(state, STRANGER, "balance", word(0)))).toMatchObject({
      ok: true,
      kind: "exclusion",
    });
  });

  it("show storage of the present incarnation only", () => {
    expect(verifyProofFile(proofOf(state, ADDRESS, "storage", word(2), 2))).toMatchObject({
      ok: true,
      value: hexOf(word(2)),
    });
    // A true proof of storage that was wiped is about another slot than the one claimed.
    expect(verifyProofFile(proofOf(state, ADDRESS, "storage", word(1), 1))).toEqual({
      ok: false,
      reason: "the proof is about another slot",
    });
    const { codeProof: _, ...without } = proofOf(state, ADDRESS, "storage", word(2), 2);
    expect(verifyProofFile(without)).toMatchObject({ ok: false });
  });

  it("are refused when anything in them is changed", () => {
    const good = proofOf(state, ADDRESS, "balance", word(5));
    const changed: ProofFile[] = [
      { ...good, value: hexOf(word(6)) },
      { ...good, address: hexOf(STRANGER) },
      { ...good, field: "nonce" },
      { ...good, stateRoot: hexOf(word(1)) },
      { ...good, proof: { ...good.proof, entryNumber: good.proof.entryNumber + 1 } },
      {
        ...good,
        proof: { ...good.proof, partitionPath: good.proof.partitionPath.map(() => "00".repeat(32)) },
      },
      { ...good, headerRlp: "0xc0" },
    ];
    for (const file of changed) expect(verifyProofFile(file).ok).toBe(false);
    expect(verifyProofFile(good, hexOf(word(1))).ok).toBe(false);
    expect(verifyProofFile(good, good.stateRoot).ok).toBe(true);
    for (const file of [null, {}, { ...good, proof: null }, { ...good, address: 1 }])
      expect(verifyProofFile(file as never).ok).toBe(false);
  });
});
