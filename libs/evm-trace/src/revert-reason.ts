/** The text of Solidity's `Error(string)` in revert data; undefined when there is none. */
const ERROR_STRING = 0x08c379a0;
const HEAD = 4 + 32 + 32;

export function revertReason(output: Uint8Array): string | undefined {
  if (output.length < HEAD) return undefined;
  const view = new DataView(output.buffer, output.byteOffset, output.byteLength);
  if (view.getUint32(0) !== ERROR_STRING || view.getUint32(4 + 28) !== 32) return undefined;
  const length = view.getUint32(HEAD - 4);
  if (HEAD + length > output.length) return undefined;
  return Buffer.from(output.subarray(HEAD, HEAD + length)).toString("utf8");
}
