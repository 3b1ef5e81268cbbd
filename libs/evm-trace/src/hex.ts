/** Hexadecimal forms of JSON-RPC. */
export const bytesHex = (bytes: Uint8Array): string =>
  `0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex")}`;
export const quantity = (value: bigint | number): string => `0x${value.toString(16)}`;
export const wordHex = (word: bigint): string => `0x${word.toString(16).padStart(64, "0")}`;
