/** Toy blocks as messages of the frames stream. */
import { BytesVector, encode, F64Vector, FixedVector, U8Vector, U32Vector } from "@velarium/columns";
import { SLOT_KEY_BYTES, SlotIds } from "@velarium/slots";
import { BlockClose, BlockOpen, Frame, Shape } from "@velarium/wire";
import type { ToyBlock, ToyFrame } from "./toy-chain.ts";
import { PARTITIONS } from "./toy-shard.ts";
import { encodeToy, FEE_SLOT, keyOf, nameOf, type ToyAccess } from "./toy-transaction.ts";

const ids = new SlotIds(new Uint8Array(32).fill(5), PARTITIONS);
const known = new Map<string, readonly [hi: number, lo: number]>();

export function idOf(access: ToyAccess): readonly [hi: number, lo: number] {
  const key = keyOf(access);
  const name = nameOf(key);
  let id = known.get(name);
  if (!id) {
    const hi = new Uint32Array(1);
    const lo = new Uint32Array(1);
    ids.idsOf(key, 1, hi, lo);
    known.set(name, (id = [hi[0]!, lo[0]!]));
  }
  return id;
}

export const FEE_ID = idOf({ slot: FEE_SLOT, kind: 2 });
export const FEE_KEY = keyOf({ slot: FEE_SLOT, kind: 2 });
const NONE = new Uint8Array(0);

function frameMessage(frame: ToyFrame, block: number, index: number, firstSeq: number): Uint8Array {
  const count = frame.transactions.length;
  const raw = new BytesVector();
  const ends = new U32Vector();
  const hi = new U32Vector();
  const lo = new U32Vector();
  const kinds = new U8Vector();
  const shapes = new U8Vector();
  const keys = new FixedVector(SLOT_KEY_BYTES);
  const gas = new F64Vector();
  for (const tx of frame.transactions) {
    raw.push(encodeToy(tx));
    for (const access of tx.accesses) {
      const [h, l] = idOf(access);
      hi.push(h);
      lo.push(l);
      kinds.push(access.kind);
      keys.push(keyOf(access));
    }
    ends.push(hi.length);
    shapes.push(tx.work ? Shape.blockOpen : Shape.general);
    gas.push(1100);
  }
  return encode(Frame, {
    term: 1,
    block,
    frame: index,
    firstSeq,
    tail: frame.tail ? 1 : 0,
    openedMs: 0,
    shapes: shapes.view(),
    gasLimits: gas.view(),
    senders: new Uint8Array(20 * count),
    raw: raw.view(),
    accessEnds: ends.view(),
    accessHi: hi.view(),
    accessLo: lo.view(),
    accessKinds: kinds.view(),
    keys: keys.view(),
    arrivals: new Float64Array(count),
    attempts: new Uint8Array(count),
    verified: new Uint8Array(count),
    trace: NONE,
  });
}

export function encodeChain(blocks: readonly ToyBlock[]): Uint8Array[] {
  const out: Uint8Array[] = [];
  let seq = 1;
  for (const { number, frames } of blocks) {
    const firstSeq = seq;
    out.push(
      encode(BlockOpen, {
        term: 1,
        number,
        time: number,
        gasLimit: 1e6,
        firstSeq,
        watermark: 0,
        beneficiary: new Uint8Array(20),
        beneficiaryId: Uint32Array.from(FEE_ID),
        prevRandao: new Uint8Array(32),
        parentBeaconRoot: new Uint8Array(32),
        extraData: NONE,
      }),
    );
    frames.forEach((frame, f) => {
      out.push(frameMessage(frame, number, f, seq));
      seq += frame.transactions.length;
    });
    out.push(encode(BlockClose, { term: 1, number, lastSeq: seq - 1, transactions: seq - firstSeq }));
  }
  return out;
}
