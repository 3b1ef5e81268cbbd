// EIP-7702: authorizations, one after the other; each is applied once, and only when all it asks for is known.
import {
  accountAtBytes, codeOf, exists, incarnationOf, isCodeless, knowNonce, setCode, setNonce, touch, warmAlways,
} from "./accounts";
import { BLOCK } from "./bounds";
import { CONTINUE } from "./calls";
import { addCode, NO_CODE } from "./codes";
import {
  authorization, authorizationRefund, learned, setAuthorization, setAuthorizationRefund, setLimited,
} from "./execution";
import { INPUT } from "./bounds";
import {
  AUTH_ADDRESS, AUTH_AUTHORITY, AUTH_BYTES, AUTH_CHAIN_ID, AUTH_FLAGS, AUTH_NONCE, BLOCK_CHAIN_ID, CODE_FLAGS,
  CODE_HASH, CODEFLAG_DELEGATION, STATUS_LEARNED, STATUS_LIMIT, STATUS_MISS, TX_AUTHORIZATIONS, TX_TYPE,
} from "./layout";
import { authorizationsAt } from "./packed-transaction";
import { A_CODE, A_NONCE } from "./records";
import { equals, isZero, reverse } from "./u256";

/** Charged for every authorization beyond what one for an existing authority costs; given back for those. */
const REFUND: i64 = 12500;
const WORD = memory.data(32, 64);
const DESIGNATOR = memory.data(32, 64);

export function applyAuthorizations(): i32 {
  if (load<u32>(INPUT, TX_TYPE) != 4) return CONTINUE;
  const count = load<u32>(INPUT, TX_AUTHORIZATIONS);
  let at = authorizationsAt() + <usize>authorization * AUTH_BYTES;
  while (authorization < count) {
    const status = apply(at);
    if (status != CONTINUE) return status;
    setAuthorization(authorization + 1);
    at += AUTH_BYTES;
  }
  return CONTINUE;
}

function apply(at: usize): i32 {
  reverse(at + AUTH_CHAIN_ID, WORD);
  if (!isZero(WORD) && !equals(WORD, BLOCK + BLOCK_CHAIN_ID)) return CONTINUE;
  const nonce = load<u64>(at, AUTH_NONCE);
  if (load<u32>(at, AUTH_FLAGS) != 1 || nonce == u64.MAX_VALUE) return CONTINUE;
  const account = accountAtBytes(at + AUTH_AUTHORITY);
  warmAlways(account);
  const entry = codeOf(account);
  if (entry == 0) return STATUS_MISS;
  if (!isCodeless(account) && (load<u32>(entry, CODE_FLAGS) & CODEFLAG_DELEGATION) == 0) return CONTINUE;
  if (!knowNonce(account)) return STATUS_MISS;
  if (load<u64>(account, A_NONCE) != nonce) return CONTINUE;
  const there = exists(account);
  if (there < 0) return STATUS_MISS;
  if (learned) return STATUS_LEARNED;
  if (there > 0 || nonce > 0) setAuthorizationRefund(authorizationRefund + REFUND);
  setNonce(account, nonce + 1);
  touch(account);
  const target = at + AUTH_ADDRESS;
  const codeFlags = load<u8>(account, A_CODE);
  if ((load<u64>(target) | load<u64>(target, 8) | <u64>load<u32>(target, 16)) == 0) {
    setCode(account, codeFlags, incarnationOf(account), NO_CODE, 0);
    return CONTINUE;
  }
  store<u32>(DESIGNATOR, 0x0001ef);
  memory.copy(DESIGNATOR + 3, target, 20);
  const code = addCode(DESIGNATOR, 23);
  if (code == 0) {
    setLimited(true);
    return STATUS_LIMIT;
  }
  setCode(account, codeFlags, incarnationOf(account), code, code + CODE_HASH);
  return CONTINUE;
}
