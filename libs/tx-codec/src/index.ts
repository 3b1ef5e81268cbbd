export * from "./check.ts";
export * from "./curve.ts";
export * from "./decode.ts";
export * from "./encode.ts";
export * from "./error.ts";
export * from "./intrinsic-gas.ts";
export * from "./recover.ts";
export {
  headerBytes,
  putHeader,
  type RlpInput,
  type RlpItem,
  RlpWriter,
  rlpDecode,
  rlpEncode,
} from "./rlp.ts";
export * from "./scan.ts";
export * from "./signing-hash.ts";
