// Logs, each written at once as the RLP item that a receipt holds: [address, [topics], data].
import { LOGS_END } from "./bounds";
import { logCount, logsEnd, setLimited, setLogCount, setLogsEnd } from "./execution";
import { FRAME_ADDRESS } from "./layout";
import { putAddress } from "./misses";
import { move } from "./moves";
import { reverse } from "./u256";

@inline
function headerBytes(size: usize): usize {
  return size < 56 ? 1 : size < 0x100 ? 2 : size < 0x10000 ? 3 : size < 0x1000000 ? 4 : 5;
}

function putHeader(at: usize, short: u32, size: usize): usize {
  if (size < 56) {
    store<u8>(at, short + <u32>size);
    return at + 1;
  }
  const width = headerBytes(size) - 1;
  store<u8>(at, short + 55 + <u32>width);
  for (let i: usize = 0; i < width; i++) store<u8>(at + 1 + i, <u8>(size >> ((width - 1 - i) << 3)));
  return at + 1 + width;
}

/** Appends a log of `topics` topics, which stand on the stack below `top`, the first topmost. */
export function appendLog(frame: usize, data: usize, size: usize, topics: i32, top: usize): void {
  const topicBytes = <usize>topics * 33;
  const single = size == 1 && load<u8>(data) < 0x80;
  const dataBytes: usize = single ? 1 : headerBytes(size) + size;
  const payload: usize = 21 + headerBytes(topicBytes) + topicBytes + dataBytes;
  let at = logsEnd;
  if (at + payload + 8 > LOGS_END) return setLimited(true);
  at = putHeader(at, 0xc0, payload);
  store<u8>(at, 0x94);
  putAddress(frame + FRAME_ADDRESS, at + 1);
  at = putHeader(at + 21, 0xc0, topicBytes);
  for (let i = 0; i < topics; i++) {
    store<u8>(at, 0xa0);
    reverse(top - (<usize>(i + 1) << 5), at + 1);
    at += 33;
  }
  if (single) store<u8>(at, load<u8>(data));
  else {
    at = putHeader(at, 0x80, size);
    move(at, data, size);
  }
  setLogsEnd(at + (single ? 1 : size));
  setLogCount(logCount + 1);
}
