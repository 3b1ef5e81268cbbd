/** The chain that is simulated: its rules, who executes them, and how its slots are named. */
import { createEthereumRules } from "@velarium/chain-rules";
import { createReferenceEngine } from "@velarium/engine";
import { SlotIds } from "@velarium/slots";
import { GENESIS } from "./scenario.ts";
import { PARTITIONS } from "./whole-shard.ts";

export const CHAIN_SECRET = new Uint8Array(32).fill(5);
export const rules = createEthereumRules(GENESIS.config);
export const engine = createReferenceEngine();
export const slotIds = new SlotIds(CHAIN_SECRET, PARTITIONS);
